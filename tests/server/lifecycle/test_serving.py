"""Loading, readiness, failure, draining; clients that leave; limits while a body streams."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.telemetry import Telemetry
from server.app import create_app
from server.configuration.settings import Settings
from server.engine_pool import Progress
from tests.server.conftest import wait_ready
from tests.server.kit.asgi_exchange import Exchange
from tests.server.kit.bad_requests import good_request
from tests.server.kit.fake_app import make_app, running
from tests.server.kit.fake_pool import FakePool

GOOD = good_request()


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


def test_a_failed_load_is_reported_and_never_ready(settings: Settings) -> None:
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


def test_no_process_for_pictures_is_a_failed_load(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(settings.artifact / "no-python"))
    app = create_app(settings, lambda progress: FakePool(), Telemetry())
    with TestClient(app) as client:
        assert client.get("/readyz").status_code == 503
        assert "no process that decodes pictures" in str(app.state.serving.failure)


def test_an_engine_that_has_stopped_is_not_ready(settings: Settings) -> None:
    pool = FakePool()
    with TestClient(create_app(settings, lambda progress: pool, Telemetry())) as client:
        wait_ready(client)
        assert client.get("/readyz").status_code == 200
        pool.stopped = True
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").json()["state"] == "failed"
        assert "\notmv_ready 0.0\n" in client.get("/metrics").text
        assert post_good(client).status_code == 503


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


def test_an_engine_that_hangs_makes_the_server_unready_until_it_goes_on(
    client: TestClient, pool: FakePool, settings: Settings
) -> None:
    pool.silent_s = settings.hang_timeout_s + 1
    for response in (client.get("/readyz"), post_good(client), client.get("/v1/variants")):
        assert response.status_code == 503
        assert response.json()["type"] == "urn:otmv:problem:answer-overdue"
    assert "\notmv_ready 0.0\n" in client.get("/metrics").text
    assert client.get("/healthz").status_code == 200
    pool.silent_s = settings.hang_timeout_s
    assert client.get("/readyz").status_code == 200
    assert post_good(client).status_code == 200
