"""Inference over REST: inputs to tasks, tensors back, and what is refused."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from engine.errors import QueueFull
from engine.tasks.caption import CaptionInput
from tests.server.kit import sample_pictures
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.ready_client import ready_client

INFER = "/v2/models/fake/infer"
PICTURE = base64.b64encode(sample_pictures.jpeg()).decode()


def tensor(name: str, *data: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)], "datatype": "BYTES", "data": list(data), **more}


IMAGE = tensor("image", PICTURE)
QUESTION = tensor("question", "what color?")


def infer(client: TestClient, *inputs: dict[str, Any], **more: Any) -> httpx.Response:
    return client.post(INFER, json={"inputs": list(inputs), **more})


def outputs(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    return {each["name"]: each for each in response.json()["outputs"]}


def refused(response: httpx.Response, says: str, status: int = 400) -> None:
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error", "request_id"}
    assert says in response.json()["error"]


def test_questions_are_answered_side_by_side(client: TestClient) -> None:
    response = infer(client, IMAGE, tensor("question", "what color?", "how many?"), id="mine")
    found = outputs(response)
    assert found["answer"] == tensor("answer", "red", "red")
    assert (found["score"]["datatype"], found["score"]["data"]) == ("FP32", [0.75, 0.75])
    assert found["top_k_answer"]["shape"] == found["top_k_score"]["shape"] == [2, 3]
    assert found["top_k_answer"]["data"] == ["red", "blue", "two"] * 2
    assert found["variant"]["data"] == ["full", "full"]
    assert found["executed_blocks"]["data"] == [4, 4]
    assert found["degraded"]["data"] == [False, False]
    body = response.json()
    assert (body["model_name"], body["model_version"], body["id"]) == ("fake", "1", "mine")
    assert body["parameters"]["task"] == "vqa"


def test_the_inputs_choose_the_task(client: TestClient, pool: FakePool) -> None:
    caption = outputs(infer(client, IMAGE, parameters={"max_new_tokens": 3, "num_beams": 2}))
    assert caption["caption"]["data"] == ["a red circle"]
    (seen,) = pool.seen
    assert isinstance(seen, CaptionInput)
    assert (seen.max_new_tokens, seen.num_beams) == (3, 2)
    pair = tensor("image", PICTURE, PICTURE)
    statement = outputs(infer(client, pair, tensor("statement", "both are red")))
    assert statement["answer"] == {
        "name": "answer",
        "datatype": "BOOL",
        "shape": [1],
        "data": [False],
    }
    refused(infer(client, IMAGE, tensor("statement", "red")), "reason: image [2], statement")
    refused(infer(client, QUESTION), "image [0], question given")
    refused(infer(client, IMAGE, QUESTION, tensor("mask", "1")), "mask")
    refused(infer(client, IMAGE, IMAGE), "inputs.image: given twice")
    refused(infer(client, pair, tensor("statement", "a", "b")), "inputs.statement")


@pytest.mark.parametrize("path", ["fake%2Fvqa%3Ad2/infer", "fake/vqa:d2/versions/1/infer"])
def test_the_path_names_task_and_variant(client: TestClient, pool: FakePool, path: str) -> None:
    response = client.post(f"/v2/models/{path}", json={"inputs": [IMAGE, QUESTION]})
    assert outputs(response)["variant"]["data"] == ["d2"]
    assert response.json()["model_name"] == "fake/vqa:d2"
    assert pool.admitted[0].budget.variant == "d2"


@pytest.mark.parametrize(
    "model", ["other", "fake/embed", "fake:d9", "fake@cats", "fake/versions/2"]
)
def test_a_model_that_is_not_there_is_404(client: TestClient, model: str) -> None:
    body = {"inputs": [IMAGE, QUESTION]}
    refused(client.post(f"/v2/models/{model}/infer", json=body), "the model's name asks for", 404)
    refused(client.get(f"/v2/models/{model}"), "there", 404)
    refused(client.get(f"/v2/models/{model}/ready"), "there", 404)


def test_parameters_are_budget_and_options(client: TestClient, pool: FakePool) -> None:
    infer(client, IMAGE, QUESTION, parameters={"max_latency_ms": 200, "min_quality": 0.5})
    infer(client, IMAGE, QUESTION, parameters={"timeout": 250_000, "top_k": 1})
    assert [each.budget.max_latency_ms for each in pool.admitted] == [200, 250]
    assert pool.admitted[0].budget.min_quality == 0.5


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"max_latency_ms": -1}, "parameters.max_latency_ms"),
        ({"max_latency_ms": True}, "parameters.max_latency_ms"),
        ({"timeout": 2**63}, "parameters.max_latency_ms"),
        ({"timeout": "soon"}, "parameters.timeout"),
        ({"top_k": 0}, "parameters.top_k"),
        ({"stream": True}, "parameters.stream"),
        ({"budget": "x"}, "parameters.budget"),
        ({"questions": "x"}, "parameters.questions"),
        ({"unheard": 1}, "parameters.unheard"),
        ({"variant": "full"}, "parameters.variant"),
        ({"top_k": [1]}, "parameters.top_k"),
    ],
    ids=str,
)
def test_parameters_that_are_not_taken_are_refused_by_name(
    client: TestClient, parameters: dict[str, Any], says: str
) -> None:
    body = {"inputs": [IMAGE, QUESTION], "parameters": parameters}
    refused(client.post("/v2/models/fake:d2/infer", json=body), says)


def test_outputs_come_as_asked(client: TestClient) -> None:
    wanted = [{"name": "variant"}, {"name": "answer"}]
    assert list(outputs(infer(client, IMAGE, QUESTION, outputs=wanted))) == ["variant", "answer"]
    refused(infer(client, IMAGE, QUESTION, outputs=[{"name": "caption"}]), "no output 'caption'")
    refused(infer(client, IMAGE, QUESTION, outputs=wanted * 2), "named twice")


@pytest.mark.parametrize(
    "hostile",
    [
        {"inputs": [IMAGE | {"shape": [2**63]}]},
        {"inputs": [IMAGE | {"shape": [2**63, -1]}]},
        {"inputs": [IMAGE | {"shape": [10**400]}]},
        {"inputs": [IMAGE | {"shape": [2]}]},
        {"inputs": [IMAGE | {"datatype": "FP32"}]},
        {"inputs": [IMAGE | {"data": [[[[PICTURE]]], "x"]}]},
        {"inputs": [IMAGE | {"data": [1]}]},
        {"inputs": [IMAGE | {"data": None}]},
        {"inputs": [IMAGE] * 9},
        {"inputs": []},
        {"inputs": [IMAGE, QUESTION], "outputs": [{"name": "answer"}] * 10**5},
        {"inputs": [IMAGE], "parameters": {str(i): i for i in range(10**4)}},
    ],
    ids=lambda each: str(each)[:40],
)
def test_hostile_requests_are_refused_cheaply(client: TestClient, hostile: Any) -> None:
    body = json.dumps(hostile).encode()
    before = time.process_time()
    response = client.post(INFER, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400, response.text[:300]
    assert len(response.content) < 1000
    assert time.process_time() - before < 1


def test_a_large_picture_in_json_is_set_aside() -> None:
    large = base64.b64encode(sample_pictures.noisy("PNG", (900, 700))).decode()
    with ready_client() as client:
        assert outputs(infer(client, tensor("image", large), QUESTION))["answer"]
        refused(infer(client, IMAGE, tensor("question", "x" * 20_000)), "inputs.question")


def test_metadata_says_what_is_taken_and_given(client: TestClient) -> None:
    server = client.get("/v2").json()
    assert (server["name"], server["extensions"]) == ("otmv-serve", ["binary_tensor_data"])
    assert client.get("/v2/").json() == server
    told = client.get("/v2/models/fake/vqa/versions/1").json()
    assert (told["name"], told["versions"], told["platform"]) == ("fake/vqa", ["1"], "otmv")
    assert [each["name"] for each in told["inputs"]] == ["image", "question"]
    answered = outputs(infer(client, IMAGE, QUESTION))
    assert {each["name"]: each["datatype"] for each in told["outputs"]} == {
        name: each["datatype"] for name, each in answered.items()
    }
    every = client.get("/v2/models/fake").json()
    assert [each["name"] for each in every["inputs"]] == ["image", "question", "statement"]


def test_the_name_in_the_path_may_be_repeated(client: TestClient, pool: FakePool) -> None:
    body = {"inputs": [IMAGE, QUESTION]}
    assert client.post(INFER, json={**body, "model_name": "fake"}).status_code == 200
    other = client.post(INFER, json={**body, "model_name": "other"})
    assert other.status_code == 400
    assert "model_name" in other.json()["error"]
    assert len(pool.admitted) == 1


def test_health_is_that_of_the_server(pool: FakePool, client: TestClient) -> None:
    paths = ("/v2/health/ready", "/v2/models/fake/ready", "/v2/models/fake/versions/1/ready")
    found = [client.get(path) for path in paths]
    assert [each.status_code for each in found] == [200] * 3
    assert all(each.json()["ready"] is True for each in found), "as KServe's client reads it"
    assert found[1].json()["name"] == "fake"
    pool.ready = False
    assert [client.get(path).status_code for path in paths] == [503] * 3
    assert client.get("/v2/health/live").json() == {"live": True}


def test_refusals_keep_their_status_and_when_to_try_again(
    client: TestClient, pool: FakePool
) -> None:
    pool.admit_error = QueueFull(8, 2.2)
    full = infer(client, IMAGE, QUESTION)
    refused(full, "queue places", 429)
    assert full.headers["retry-after"] == "3"
    assert (
        client.post(INFER, content=b"x", headers={"content-type": "text/plain"}).status_code == 415
    )
    assert client.post("/v2/nothing").json()["error"]
