"""What a good request gets back: body, headers, budgets, several questions, caption, variants."""

from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient

from engine.telemetry import Telemetry
from server.front.recent_time import RecentTime
from tests.server.kit import sample_pictures
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.good_question import IMAGE


def test_decode_time_is_predicted_before_decoding(client: TestClient, pool: FakePool) -> None:
    sizes = ((32, 32), (600, 400), (32, 33), (600, 401))  # none is known from before
    for size in sizes:
        data = sample_pictures.noisy("PNG", size)
        client.post("/v1/vqa", files={"image": data}, data={"question": "q?"})
    assert all(seconds > 0 for seconds in pool.decode_s)
    assert pool.decode_s[3] > pool.decode_s[2]
    assert pool.decode_s[3] != pool.decode_s[1]  # it has learned


def test_answers_are_strict_json(client: TestClient) -> None:
    response = client.post("/v1/vqa", json={"image": IMAGE, "question": "q?"})
    assert response.headers["content-type"] == "application/json"
    assert json.loads(response.content)


def test_an_answer_that_would_be_written_late_is_refused_and_counted(
    client: TestClient, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RecentTime, "predicted_s", lambda time, now: 100.0)
    body = {"image": IMAGE, "question": "what color?"}
    budget: dict[str, object] = {"max_latency_ms": 9000}
    assert client.post("/v1/vqa", json={**body, "budget": budget}).status_code == 200
    budget["on_miss"] = "reject"
    refused = client.post("/v1/vqa", json={**body, "budget": budget})
    assert (refused.status_code, refused.json()["type"]) == (
        504,
        "urn:otmv:problem:deadline-expired",
    )
    assert telemetry.registry.get_sample_value("otmv_late_replies_total") == 1
