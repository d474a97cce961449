"""What a good request gets back: body, headers, budgets, several questions, caption, variants."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.telemetry import Telemetry
from engine.types import CaptionInput, VqaInput
from tests.server.kit import sample_pictures
from tests.server.kit.fake_pool import FakePool

FILE = {"image": ("p.jpg", sample_pictures.jpeg(), "image/jpeg")}
IMAGE = base64.b64encode(sample_pictures.jpeg()).decode()
PHASES = ["decode", "preprocess", "queue", "stem", "blocks", "head", "total"]


def ask(client: TestClient, **document: Any) -> dict[str, Any]:
    body = {"image": IMAGE, "question": "what color?", **document}
    response = client.post("/v1/vqa", json={k: v for k, v in body.items() if v is not None})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_form_answer_is_complete(client: TestClient, pool: FakePool) -> None:
    response = client.post("/v1/vqa", files=FILE, data={"question": "what color?", "top_k": "2"})
    assert response.status_code == 200
    body = response.json()
    assert body["task"] == "vqa"
    (answer,) = body["answers"]
    assert answer["question"] == "what color?"
    assert (answer["answer"], answer["score"]) == ("red", 0.75)
    assert answer["top_k"] == [{"answer": "red", "score": 0.75}, {"answer": "blue", "score": 0.2}]
    assert answer["variant"] == "full"
    assert answer["skip_pattern"] == {"bits": "1111", "executed_orders": [0, 1, 2, 3]}
    assert answer["executed_blocks"] == 4
    assert answer["quality"] == 0.95
    assert answer["deadline_met"] is True
    assert answer["degraded"] is False
    assert list(answer["timings_ms"]) == PHASES
    assert answer["timings_ms"]["total"] >= answer["timings_ms"]["decode"] > 0
    assert [part.split(";")[0] for part in response.headers["server-timing"].split(", ")] == PHASES
    assert body["request_id"] == response.headers["x-request-id"]
    assert pool.open_places == 0


@pytest.mark.parametrize("prefix", ["", "data:image/jpeg;base64,", "DATA:image/png;BASE64,"])
def test_json_takes_base64_and_data_urls(client: TestClient, prefix: str) -> None:
    wrapped = "\n".join(IMAGE[i : i + 76] for i in range(0, len(IMAGE), 76))
    assert ask(client, image=prefix + wrapped)["answers"][0]["answer"] == "red"


def test_questions_share_one_picture_and_keep_their_order(
    client: TestClient, pool: FakePool
) -> None:
    questions = [f"question {i}?" for i in range(5)]
    body = ask(client, question=None, questions=questions)
    assert [answer["question"] for answer in body["answers"]] == questions
    assert len(pool.admitted) == 5
    seen = [item for item in pool.seen if isinstance(item, VqaInput)]
    assert [item.question for item in seen] == questions
    assert all(item.pixels is seen[0].pixels for item in seen)


def test_repeated_form_field_asks_several_questions(client: TestClient) -> None:
    response = client.post("/v1/vqa", files=FILE, data={"question": ["a?", "b?"]})
    assert [answer["question"] for answer in response.json()["answers"]] == ["a?", "b?"]


@pytest.mark.parametrize("as_form", [True, False])
def test_caption(client: TestClient, pool: FakePool, as_form: bool) -> None:
    if as_form:
        response = client.post("/v1/caption", files=FILE, data={"max_new_tokens": "7"})
    else:
        response = client.post("/v1/caption", json={"image": IMAGE, "max_new_tokens": 7})
    assert response.status_code == 200
    body = response.json()
    assert (body["task"], body["caption"], body["variant"]) == ("caption", "a red circle", "full")
    assert list(body["timings_ms"]) == PHASES
    (seen,) = pool.seen
    assert isinstance(seen, CaptionInput)
    assert seen.max_new_tokens == 7


def test_budget_reaches_the_engine_whichever_way(client: TestClient, pool: FakePool) -> None:
    budget = {"max_latency_ms": 250, "max_memory_mb": 9.5, "min_quality": 0.5}
    rest = {"variant": "full", "on_miss": "reject"}
    headers = {
        "X-Otmv-Max-Latency-Ms": "250",
        "x-otmv-max-memory-mb": "9.5",
        "X-OTMV-MIN-QUALITY": "0.5",
        "X-Otmv-Variant": "full",
        "X-Otmv-On-Miss": "reject",
    }
    question = {"question": "q?"}
    client.post("/v1/vqa", json={"image": IMAGE, **question, "budget": {**budget, **rest}})
    client.post("/v1/vqa", json={"image": IMAGE, **question}, headers=headers)
    form = {**question, **{name: str(value) for name, value in budget.items()}, **rest}
    client.post("/v1/vqa", files=FILE, data=form)
    first, *others = [ticket.budget for ticket in pool.admitted]
    assert len(others) == 2
    assert all(other == first for other in others)
    assert (first.max_latency_ms, first.max_memory_mb, first.min_quality) == (250, 9.5, 0.5)
    assert (first.variant, first.on_miss) == ("full", "reject")


def test_body_wins_over_header_field_by_field(client: TestClient, pool: FakePool) -> None:
    headers = {"X-Otmv-Max-Latency-Ms": "100", "X-Otmv-On-Miss": "reject"}
    body = {"image": IMAGE, "question": "q?", "budget": {"max_latency_ms": 200}}
    assert client.post("/v1/vqa", json=body, headers=headers).status_code == 200
    (ticket,) = pool.admitted
    assert (ticket.budget.max_latency_ms, ticket.budget.on_miss) == (200, "reject")


def test_without_a_budget_the_engine_decides(client: TestClient, pool: FakePool) -> None:
    ask(client)
    (ticket,) = pool.admitted
    assert ticket.budget.max_latency_ms is None
    assert ticket.budget.on_miss == "degrade"


def test_decode_time_is_predicted_before_decoding(client: TestClient, pool: FakePool) -> None:
    small, large = sample_pictures.noisy("PNG", (32, 32)), sample_pictures.noisy("PNG", (600, 400))
    for data in (small, large, small, large):
        client.post("/v1/vqa", files={"image": data}, data={"question": "q?"})
    assert all(seconds > 0 for seconds in pool.decode_s)
    assert pool.decode_s[3] > pool.decode_s[2]
    assert pool.decode_s[3] != pool.decode_s[1]  # it has learned


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-123", True), ("a" * 128, True), ("a" * 129, False), ("a b", False), ('x"y', False)],
)
def test_request_id(client: TestClient, given: str, kept: bool) -> None:
    response = client.get("/healthz", headers={"X-Request-Id": given})
    assert (response.headers["x-request-id"] == given) is kept
    assert response.headers["x-request-id"]


def test_variants(client: TestClient) -> None:
    body = client.get("/v1/variants").json()
    assert body["model"] == "fake"
    assert body["tasks"] == ["vqa", "caption", "reason"]
    assert body["resident_keys"] == [0, 1]
    assert body["variants"][1] == {
        "task": "vqa",
        "variant": "d2",
        "skip_pattern": {"bits": "1100", "executed_orders": [0, 1]},
        "executed_blocks": 2,
        "keys": [0],
        "quality": 0.9,
        "quality_precision": "fp32",
        "predicted_ms": 2.0,
        "memory_mb": 2.0,
        "resident": True,
    }
    tasks = client.get("/v1/variants", params={"task": "caption"}).json()["variants"]
    assert {entry["task"] for entry in tasks} == {"caption"}


def test_metrics_are_the_engines(client: TestClient, telemetry: Telemetry) -> None:
    telemetry.ended("vqa", "full", "ok")
    ask(client)
    page = client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    line = 'otmv_requests_total{outcome="ok",task="vqa",variant="full"} 1.0'
    assert line in page.text
    assert 'otmv_phase_seconds_count{phase="decode"} 1.0' in page.text


def test_answers_are_strict_json(client: TestClient) -> None:
    response = client.post("/v1/vqa", json={"image": IMAGE, "question": "q?"})
    assert response.headers["content-type"] == "application/json"
    assert json.loads(response.content)
