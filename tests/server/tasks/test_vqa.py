"""Questions about a picture: their fields reach the engine, and the body is complete."""

from __future__ import annotations

from starlette.testclient import TestClient

from engine.tasks.vqa import VqaInput
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.good_question import FILE, ask_question

PHASES = ["decode", "preprocess", "queue", "stem", "blocks", "head", "total"]


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
    assert answer["variant_quality"] == answer["quality"] == 0.95
    assert answer["deadline_met"] is True
    assert answer["degraded"] is False
    assert list(answer["timings_ms"]) == PHASES
    assert answer["timings_ms"]["total"] >= answer["timings_ms"]["decode"] > 0
    assert [part.split(";")[0] for part in response.headers["server-timing"].split(", ")] == PHASES
    assert body["request_id"] == response.headers["x-request-id"]
    assert pool.open_places == 0


def test_questions_share_one_picture_and_keep_their_order(
    client: TestClient, pool: FakePool
) -> None:
    questions = [f"question {i}?" for i in range(5)]
    body = ask_question(client, question=None, questions=questions)
    assert [answer["question"] for answer in body["answers"]] == questions
    assert len(pool.admitted) == 5
    seen = [item for item in pool.seen if isinstance(item, VqaInput)]
    assert [item.question for item in seen] == questions
    assert all(item.pixels is seen[0].pixels for item in seen)


def test_repeated_form_field_asks_several_questions(client: TestClient) -> None:
    response = client.post("/v1/vqa", files=FILE, data={"question": ["a?", "b?"]})
    assert [answer["question"] for answer in response.json()["answers"]] == ["a?", "b?"]
