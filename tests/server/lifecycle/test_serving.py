"""Loading, readiness, failure, draining; clients that leave; limits while a body streams."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from engine.errors import DeadlineUnattainable, InferenceFailed
from engine.telemetry import Telemetry
from server.app import create_app
from server.configuration.settings import Settings
from server.engine_pool import Progress
from tests.server.kit import sample_pictures
from tests.server.kit.asgi_exchange import Exchange
from tests.server.kit.bad_requests import form, good_request
from tests.server.kit.fake_pool import FakePool

GOOD = good_request()


def make_app(pool: FakePool, **changes: Any) -> FastAPI:
    settings = Settings(artifact=Path("/nowhere"), access_log=False, **changes)
    return create_app(settings, lambda progress: pool, Telemetry())


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[FastAPI]:
    async with app.router.lifespan_context(app):
        await app.state.serving.settled()
        yield app


def post_good(client: TestClient) -> Any:
    return client.post(GOOD.path, content=GOOD.body, headers=GOOD.headers)


def test_liveness_answers_while_loading_and_readiness_waits(settings: Settings) -> None:
    go = threading.Event()

    def open_slowly(progress: Progress) -> FakePool:
        progress("warming", 0.5)
        assert go.wait(10)
        return FakePool()

    app = create_app(settings, open_slowly, Telemetry())
    with TestClient(app) as client:
        live = client.get("/healthz")
        assert (live.status_code, live.json()["state"]) == (200, "loading")
        assert "\notmv_ready 0.0\n" in client.get("/metrics").text
        for response in (client.get("/readyz"), post_good(client), client.get("/v1/variants")):
            assert response.status_code == 503
            assert response.headers["content-type"] == "application/problem+json"
            assert response.headers["retry-after"]
        assert client.get("/metrics").status_code == 200
        go.set()
        assert client.portal is not None
        client.portal.call(app.state.serving.settled)
        assert client.get("/readyz").status_code == 200
        assert "\notmv_ready 1.0\n" in client.get("/metrics").text
        assert post_good(client).status_code == 200


def test_a_failed_load_is_told_and_never_ready(settings: Settings) -> None:
    def broken(progress: Progress) -> FakePool:
        raise RuntimeError("no such stage in /secret")

    app = create_app(settings, broken, Telemetry())
    with TestClient(app) as client:
        assert client.portal is not None
        client.portal.call(app.state.serving.settled)
        assert client.get("/healthz").json()["state"] == "failed"
        response = client.get("/readyz")
        assert response.status_code == 503
        assert "secret" not in response.text


def test_a_full_queue_is_429_and_places_are_given_back(settings: Settings) -> None:
    pool = FakePool(limit=3)
    with TestClient(create_app(settings, lambda progress: pool, Telemetry())) as client:
        assert client.portal is not None
        client.portal.call(client.app.state.serving.settled)  # type: ignore[attr-defined]
        body = form([("image", sample_pictures.jpeg()), *[("question", b"q?")] * 4])
        response = client.post(GOOD.path, content=body, headers=GOOD.headers)
        assert response.status_code == 429
        assert response.headers["retry-after"] == "3"
        assert pool.open_places == 0
        assert not pool.seen
        assert post_good(client).status_code == 200


def test_refusals_of_the_engine_reach_the_client(client: TestClient, pool: FakePool) -> None:
    pool.admit_error = DeadlineUnattainable(1.0, 40.0, "d2")
    response = post_good(client)
    assert response.status_code == 504
    assert response.json()["predicted_ms"] == 40.0
    assert not pool.seen


@pytest.mark.parametrize("error", [InferenceFailed("block[0]", "/secret"), ValueError("/secret")])
def test_a_failure_inside_is_opaque_and_logged(
    client: TestClient, pool: FakePool, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    pool.answer_error = error
    with caplog.at_level(logging.ERROR, "otmv.server"):
        response = post_good(client)
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "secret" not in response.text
    assert response.json()["request_id"] in caplog.text
    assert "secret" in caplog.text
    assert pool.open_places == 0


def test_a_damaged_picture_gives_its_place_back(client: TestClient, pool: FakePool) -> None:
    whole = sample_pictures.noisy("PNG")
    body = form([("image", whole[: len(whole) // 2]), ("question", b"q?")])
    response = client.post(GOOD.path, content=body, headers=GOOD.headers)
    assert response.status_code == 422
    assert [outcome for _, outcome in pool.cancelled] == ["invalid"]
    assert pool.open_places == 0


async def _leaves_while_waiting(pool: FakePool) -> Exchange:
    async with running(make_app(pool)) as app:
        exchange = Exchange()
        exchange.body(GOOD.body)
        task = asyncio.create_task(exchange.run(app))
        assert await asyncio.to_thread(pool.wait_for, lambda p: p.waiting == 1)
        exchange.disconnect()
        await asyncio.wait_for(task, 5)
    return exchange


def test_a_client_that_leaves_cancels_its_rows() -> None:
    pool = FakePool(hold=True)
    exchange = asyncio.run(_leaves_while_waiting(pool))
    assert [(ticket.id, outcome) for ticket, outcome in pool.cancelled] == [(0, "cancelled")]
    assert pool.open_places == 0
    assert exchange.status == 499


async def _leaves_while_sending(pool: FakePool) -> Exchange:
    async with running(make_app(pool)) as app:
        exchange = Exchange()
        exchange.body(GOOD.body[:50], more=True)
        exchange.disconnect()
        await asyncio.wait_for(exchange.run(app), 5)
        assert app.state.serving.bodies.held_bytes == 0
    return exchange


def test_a_client_that_leaves_while_sending_takes_no_place() -> None:
    pool = FakePool()
    assert asyncio.run(_leaves_while_sending(pool)).status == 499
    assert not pool.admitted


async def _streams(app: FastAPI, announced: int | None, chunks: list[bytes]) -> Exchange:
    async with running(app):
        exchange = Exchange()
        if announced is not None:
            exchange.headers["content-length"] = str(announced)
        for chunk in chunks:
            exchange.body(chunk, more=True)
        exchange.disconnect()
        await asyncio.wait_for(exchange.run(app), 5)
        assert app.state.serving.bodies.held_bytes == 0
    return exchange


def test_an_announced_size_over_the_limit_is_refused_unread() -> None:
    app = make_app(FakePool(), max_body_bytes=4096)
    exchange = asyncio.run(_streams(app, 5000, []))
    assert exchange.status == 413
    assert (b"connection", b"close") in exchange.sent[0]["headers"]


def test_a_body_that_grows_over_the_limit_is_refused_while_it_streams() -> None:
    app = make_app(FakePool(), max_body_bytes=4096)
    exchange = asyncio.run(_streams(app, None, [b"x" * 1500] * 10))
    assert exchange.status == 413
    assert exchange.answer["type"] == "urn:otmv:problem:body-too-large"


def test_bodies_in_memory_are_bounded_together() -> None:
    app = make_app(FakePool(), max_body_bytes=4096, max_bodies_bytes=4096)
    app.state.serving.bodies.take(4000)

    async def scenario() -> Exchange:
        async with running(app):
            exchange = Exchange()
            exchange.body(GOOD.body)
            await exchange.run(app)
        return exchange

    exchange = asyncio.run(scenario())
    assert exchange.status == 429
    assert app.state.serving.bodies.held_bytes == 4000


def test_a_body_that_never_ends_is_given_up() -> None:
    async def scenario() -> Exchange:
        async with running(make_app(FakePool(), body_timeout_s=0.05)) as app:
            exchange = Exchange()
            exchange.body(GOOD.body[:10], more=True)
            await asyncio.wait_for(exchange.run(app), 5)
        return exchange

    assert asyncio.run(scenario()).status == 408


async def _drains(pool: FakePool) -> tuple[Exchange, Exchange, Exchange, bool]:
    async with running(make_app(pool)) as app:
        first, late, ready = Exchange(), Exchange(), Exchange(path="/readyz", method="GET")
        first.body(GOOD.body)
        late.body(GOOD.body)
        running_first = asyncio.create_task(first.run(app))
        assert await asyncio.to_thread(pool.wait_for, lambda p: p.waiting == 1)
        drain = asyncio.create_task(app.state.serving.drain())
        assert await asyncio.to_thread(pool.wait_for, lambda p: p.draining or p.waiting == 0)
        await late.run(app)
        await ready.run(app)
        assert not running_first.done()
        pool.release()
        await asyncio.wait_for(running_first, 5)
        return first, late, ready, await drain


def test_draining_finishes_what_runs_and_refuses_the_rest() -> None:
    pool = FakePool(hold=True)
    first, late, ready, finished = asyncio.run(_drains(pool))
    assert first.status == 200
    assert (late.status, ready.status) == (503, 503)
    assert late.answer["type"] == "urn:otmv:problem:draining"
    assert finished
    assert pool.closed
