"""Admitting, decoding and failing: what happens to the places of a request."""

from __future__ import annotations

import logging
import resource
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.errors import (
    DeadlineExpired,
    DeadlineUnattainable,
    Draining,
    EngineStopped,
    InferenceFailed,
    InvalidInput,
)
from engine.telemetry import Telemetry
from loadtests.siege.attackers import pictures as bombs
from server.app import create_app
from server.configuration.settings import Settings
from tests.server.kit import sample_pictures
from tests.server.kit.bad_requests import form, good_request
from tests.server.kit.fake_pool import FakePool

GOOD = good_request()


def post_good(client: TestClient) -> Any:
    return client.post(GOOD.path, content=GOOD.body, headers=GOOD.headers)


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


def test_an_engine_that_hangs_is_not_awaited(
    client: TestClient, pool: FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.answering.answerer.OVERDUE_S", 0.05)
    pool.hold, pool.grace_s = True, 0.05
    body = form([("image", sample_pictures.jpeg()), ("question", b"q?"), ("max_latency_ms", b"20")])
    response = client.post(GOOD.path, content=body, headers=GOOD.headers)
    assert response.status_code == 503
    assert response.json()["type"] == "urn:otmv:problem:answer-overdue"
    assert [outcome for _, outcome in pool.cancelled] == ["error"]
    assert pool.open_places == 0


def test_memory_that_is_used_up_while_decoding_is_our_fault(
    client: TestClient, pool: FakePool, caplog: pytest.LogCaptureFixture
) -> None:
    for pid in client.app.state.serving.decoder.worker_pids:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
        limit_bytes = pages * resource.getpagesize() + 2**20
        resource.prlimit(pid, resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    large = bombs.png(3000, 8, 2)
    body = form([("image", large), ("question", b"q?")])
    response = client.post(GOOD.path, content=body, headers=GOOD.headers)
    assert response.status_code == 503
    assert response.json()["type"] == "urn:otmv:problem:no-memory"
    assert [outcome for _, outcome in pool.cancelled] == ["error"]
    assert "MemoryError" in caplog.text


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InferenceFailed("block[0]", "broken"), "error"),
        (ValueError("broken"), "error"),
        (EngineStopped(), "error"),
        (DeadlineExpired(1.0), "expired"),
        (Draining(), "refused"),
        (InvalidInput("top_k", "is wrong"), "invalid"),
    ],
)
def test_what_ends_a_request_is_booked_as_its_answer_says(
    client: TestClient, pool: FakePool, error: Exception, outcome: str
) -> None:
    pool.answer_error = error
    post_good(client)
    assert [booked for _, booked in pool.cancelled] == [outcome]
