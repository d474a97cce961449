"""Hugging Face's tasks: bodies as the client sends them, lists of answers back."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from engine.tasks.caption import CaptionInput
from tests.server.kit import sample_pictures
from tests.server.kit.fake_pool import FakePool

RAW = sample_pictures.jpeg()
PICTURE = base64.b64encode(RAW).decode()
VQA = "/hf/visual-question-answering"
TEXT = "/hf/image-to-text"


def refused(response: httpx.Response, says: str, status: int = 422) -> None:
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error", "error_type", "request_id"}
    assert says in response.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": PICTURE, "image": PICTURE, "question": "what color?"},
        {"inputs": {"image": PICTURE, "question": "what color?"}},
        {"inputs": PICTURE, "question": "what color?", "options": {"wait_for_model": True}},
    ],
    ids=["client", "specification", "short"],
)
def test_a_question_is_answered_with_the_best_labels(client: TestClient, body: Any) -> None:
    found = client.post(VQA, json=body | {"parameters": {"top_k": 2}}).json()
    assert [(each["answer"], each["score"]) for each in found] == [("red", 0.75), ("blue", 0.2)]
    assert found[0]["otmv"]["variant"] == "full"
    assert "otmv" not in found[1]


@pytest.mark.parametrize("kind", ["image/jpeg", "application/octet-stream", None])
def test_a_picture_is_described_from_its_bytes(client: TestClient, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    (found,) = client.post(TEXT, content=RAW, headers=headers).json()
    assert (found["generated_text"], found["otmv"]["task"]) == ("a red circle", "caption")


def test_a_picture_is_described_from_json(client: TestClient, pool: FakePool) -> None:
    parameters = {"max_new_tokens": 3, "max_latency_ms": 200, "num_beams": None}
    (found,) = client.post(TEXT, json={"inputs": PICTURE, "parameters": parameters}).json()
    assert found["generated_text"] == "a red circle"
    (seen,) = pool.seen
    assert isinstance(seen, CaptionInput)
    assert (seen.max_new_tokens, seen.num_beams) == (3, 1)
    assert pool.admitted[0].budget.max_latency_ms == 200


def test_a_model_s_name_may_stand_in_the_path(client: TestClient, pool: FakePool) -> None:
    asked = {"inputs": PICTURE, "question": "what color?"}
    assert client.post("/hf/models/fake:d2", json=asked).json()[0]["otmv"]["variant"] == "d2"
    assert client.post("/hf/models/fake/caption", content=RAW).json()[0]["generated_text"]
    refused(client.post("/hf/models/fake/vqa", content=RAW), "vqa takes one picture and a question")
    refused(client.post("/hf/models/fake/caption", json=asked), "without a text")
    for model in ("other", "fake/embed", "fake:d9", "fake@cats"):
        refused(client.post(f"/hf/models/{model}", content=RAW), "there", 404)


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        (VQA, {"inputs": PICTURE}, "question: is missing"),
        (TEXT, {"inputs": PICTURE, "question": "what?"}, "question: is not read here"),
        (VQA, {"inputs": PICTURE, "image": "aaaa", "question": "x"}, "another picture"),
        (VQA, {"inputs": {"image": PICTURE}, "question": "x"}, "stand in inputs already"),
        (VQA, {"inputs": 5, "question": "x"}, "inputs: is neither"),
        (VQA, {"inputs": "https://example.com/a.jpg", "question": "x"}, "is an address"),
        (VQA, {"inputs": PICTURE, "question": ""}, "question:"),
        (VQA, {"inputs": PICTURE, "question": "x", "parameters": {"do_sample": True}}, "do_sample"),
        (TEXT, {"inputs": PICTURE, "parameters": {"max_new_tokens": 0}}, "max_new_tokens"),
        (TEXT, {"inputs": PICTURE, "parameters": {"stream": True}}, "parameters.stream"),
        (TEXT, {"inputs": PICTURE, "api_key": "x"}, "api_key"),
    ],
)
def test_what_is_not_read_is_refused_by_name(
    client: TestClient, path: str, body: Any, says: str
) -> None:
    refused(client.post(path, json=body), says)


def test_a_body_that_is_no_picture_is_refused(client: TestClient) -> None:
    refused(client.post(TEXT, content=b"hello"), "not a picture", 415)
    refused(client.post(TEXT, content=b""), "is empty")
    wrong = client.post(TEXT, content=RAW, headers={"content-type": "text/plain"})
    refused(wrong, "content type", 415)
    packed = client.post(
        TEXT, content=RAW, headers={"content-type": "image/jpeg", "content-encoding": "gzip"}
    )
    refused(packed, "content encoding", 415)
