"""A reload: no request is refused, one reload at a time, all or nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from artifact.store import Artifact
from server.engine_pool import Progress
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.reload_app import (
    HeldOpening,
    ask,
    make_reload_app,
    open_fake,
    post,
    reloads,
    running_state,
)


def test_requests_go_to_the_new_engine_and_the_old_one_finishes(folder: Path) -> None:
    old = FakePool(next=open_fake, hold=True)

    async def scenario() -> None:
        app = make_reload_app(folder, old)
        async with running_state(app) as serving:
            first = asyncio.create_task(ask(app))
            assert await asyncio.to_thread(old.wait_for, lambda p: p.waiting == 1)
            done = await post(app, b'{"artifact": "%s"}' % bytes(folder / "inside/two"))
            assert done.status == 200
            assert (done.answer["before"]["name"], done.answer["after"]["name"]) == ("fake", "tiny")
            assert (await ask(app)).status == 200
            assert len(old.admitted) == 1
            assert not first.done()
            assert not old.closed
            old.release()
            assert (await first).status == 200
            await serving.engines.wait_for_others()
            assert old.closed
            present = serving.pool()
            assert isinstance(present, FakePool)
            assert (present.shown, present.closed, len(present.admitted)) == (True, False, 1)
            sha256 = done.answer["after"]["sha256"]
            registry = serving.telemetry.registry
            assert registry.get_sample_value(
                "otmv_artifact_info", {"name": "tiny", "sha256": sha256}
            )
            assert reloads(app, "ok") == 1
            assert app.state.serving.pool().artifact.root == folder / "inside/two"

    asyncio.run(scenario())


def test_a_request_between_its_body_and_its_place_is_not_refused(folder: Path) -> None:
    """The old engine still admits a request that holds it after the swap."""
    old = FakePool(next=open_fake)

    async def scenario() -> None:
        app = make_reload_app(folder, old)
        async with running_state(app) as serving:
            with serving.engines.lease() as pool:
                await serving.reloader.reload()
                await asyncio.sleep(0)  # the old engine's leaving begins
                assert pool is old
                assert not old.draining
            await serving.engines.wait_for_others()
            assert (old.draining, old.closed) == (True, True)

    asyncio.run(scenario())


def test_a_failure_changes_nothing(folder: Path) -> None:
    old = FakePool()

    async def scenario() -> None:
        app = make_reload_app(folder, old)
        async with running_state(app) as serving:
            refused = await post(app)
            assert refused.status == 422
            assert refused.answer["type"] == "urn:otmv:problem:artifact-refused"
            assert "export the artifact again" in refused.answer["detail"]
            assert "fake is still served" in refused.answer["detail"]
            assert serving.pool() is old
            assert (await ask(app)).status == 200
            assert reloads(app, "refused") == 1
            old.next = open_fake
            assert (await post(app)).status == 200

    asyncio.run(scenario())


def test_an_unforeseen_error_is_opaque_and_changes_nothing(folder: Path) -> None:
    def broken(artifact: Artifact, progress: Progress) -> FakePool:
        raise ValueError("/secret")

    async def scenario() -> None:
        app = make_reload_app(folder, FakePool(next=broken))
        async with running_state(app):
            failed = await post(app)
            assert failed.status == 500
            assert "secret" not in str(failed.answer)
            assert reloads(app, "error") == 1
            assert (await ask(app)).status == 200

    asyncio.run(scenario())


def test_one_at_a_time(folder: Path) -> None:
    held = HeldOpening()

    async def scenario() -> None:
        app = make_reload_app(folder, FakePool(next=held))
        async with running_state(app):
            first = asyncio.create_task(post(app))
            await held.wait_begun()
            second = await post(app)
            assert second.status == 409
            assert second.answer["retry_after_s"] > 0
            held.go.set()
            assert (await first).status == 200
            assert reloads(app, "ok") == 1

    asyncio.run(scenario())


def test_a_shutdown_ends_a_reload(folder: Path) -> None:
    late: list[FakePool] = []

    def end(artifact: Artifact, progress: Progress) -> FakePool:
        late.append(FakePool(artifact=artifact))
        return late[0]

    held = HeldOpening(end)

    async def scenario() -> None:
        app = make_reload_app(folder, FakePool(next=held))
        async with running_state(app) as serving:
            reloading = asyncio.create_task(post(app))
            await held.wait_begun()
            assert await serving.drain()
            assert (await reloading).status == 503
            held.go.set()
        assert late[0].closed
        assert reloads(app, "stopped") == 1

    asyncio.run(scenario())


def test_a_shutdown_stops_the_loading_at_its_next_step(folder: Path) -> None:
    ended: list[BaseException] = []

    def step(artifact: Artifact, progress: Progress) -> FakePool:
        try:
            progress("warming", 0.5)
        except BaseException as error:
            ended.append(error)
            raise
        raise AssertionError

    held = HeldOpening(step)

    async def scenario() -> None:
        app = make_reload_app(folder, FakePool(next=held))
        async with running_state(app) as serving:
            reloading = asyncio.create_task(post(app))
            await held.wait_begun()
            serving.reloader.stop()
            held.go.set()
            assert (await reloading).status == 503
            assert (await post(app)).status == 503
        assert len(ended) == 1

    asyncio.run(scenario())


def test_a_shutdown_waits_for_both_engines(folder: Path) -> None:
    old = FakePool(next=open_fake, hold=True)

    async def scenario() -> None:
        app = make_reload_app(folder, old, drain_timeout_s=10)
        async with running_state(app) as serving:
            first = asyncio.create_task(ask(app))
            assert await asyncio.to_thread(old.wait_for, lambda p: p.waiting == 1)
            await serving.reloader.reload()
            draining = asyncio.create_task(serving.drain())
            present = serving.engines.pool
            assert isinstance(present, FakePool)
            assert await asyncio.to_thread(present.wait_for, lambda p: p.draining)
            assert not draining.done()
            old.release()
            assert await draining
            assert (await first).status == 200

    asyncio.run(scenario())
