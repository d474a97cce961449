"""Vectors by others' APIs: embeddings, tensors; where words are wanted they are refused."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from artifact.store import Artifact
from models.checkpoint import Checkpoint
from tests.server.kit.chat import refused
from tests.server.kit.live_server import ServerThread, serving_here
from tests.server.tasks.retrieval.embedding_model import TEXTS, by_torch, depth_of, picture
from tests.server.tasks.retrieval.test_http import encoded

EMBEDDINGS = "/v1/embeddings"
Client = httpx.Client


@pytest.fixture(scope="module")
def server(artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    with serving_here(artifact.root, tmp_path_factory.mktemp("engine")) as live:
        yield live


@pytest.fixture(scope="module")
def client(server: ServerThread) -> Iterator[Client]:
    with httpx.Client(base_url=server.url, timeout=30) as opened:
        yield opened


def embeddings(client: Client, given: str | list[str], **more: Any) -> dict[str, Any]:
    response = client.post(EMBEDDINGS, json={"model": "tiny", "input": given, **more})
    assert response.status_code == 200, response.text
    return dict(response.json())


def close(found: Any, expected: NDArray[np.float32]) -> bool:
    return float(np.linalg.norm(np.array(found, np.float32) - expected)) <= 1e-5


def test_each_text_has_its_own_vector_in_order(client: Client, checkpoint: Checkpoint) -> None:
    body = embeddings(client, list(TEXTS), model="tiny/embed:d2")
    assert (body["object"], body["model"]) == ("list", "tiny/embed:d2")
    assert [each["index"] for each in body["data"]] == [0, 1, 2]
    for each, text in zip(body["data"], TEXTS, strict=True):
        assert each["object"] == "embedding"
        assert close(each["embedding"], by_torch(checkpoint, text, 2))
    assert body["otmv"]["variant"] == "d2"
    assert body["otmv"]["vector_space"].endswith("/d2/fp32")
    assert "embedding" not in body["otmv"]


def test_tokens_of_texts_are_counted(client: Client, artifact: Artifact) -> None:
    codec = artifact.text_codec()
    tokens = sum(len(codec.encode_question(text)) for text in TEXTS)
    usage = embeddings(client, list(TEXTS))["usage"]
    assert usage == {"prompt_tokens": tokens, "total_tokens": tokens}


def test_base64_is_what_openai_s_client_decodes(client: Client, checkpoint: Checkpoint) -> None:
    body = embeddings(client, TEXTS[0], encoding_format="base64", model="tiny:full")
    packed = base64.b64decode(body["data"][0]["embedding"])
    assert close(np.frombuffer(packed, "<f4"), by_torch(checkpoint, TEXTS[0], 4))


def test_all_texts_of_a_request_lie_in_one_space(client: Client, checkpoint: Checkpoint) -> None:
    for budget in ({}, {"max_latency_ms": 0.01}, {"max_latency_ms": 4.0}):
        response = client.post("/v1/embed", json={"texts": list(TEXTS) * 4, "budget": budget})
        answers = response.json()["answers"]
        (variant,) = {each["variant"] for each in answers}
        (space,) = {each["vector_space"] for each in answers}
        assert f"/{variant}/" in space
        assert {each["executed_blocks"] for each in answers} == {depth_of(variant)}
        for each, text in zip(answers, TEXTS * 4, strict=True):
            assert close(each["embedding"], by_torch(checkpoint, text, depth_of(variant)))


def test_only_the_model_s_own_number_of_dimensions_is_taken(client: Client) -> None:
    assert len(embeddings(client, "a", dimensions=32)["data"][0]["embedding"]) == 32
    body = {"model": "tiny", "input": "a", "dimensions": 16}
    error = refused(client.post(EMBEDDINGS, json=body), 400, "dimensions")
    assert "have 32" in error["message"]


def test_an_unknown_variant_or_adapter_is_not_found(client: Client) -> None:
    for name in ("tiny:huge", "tiny@cats", "other"):
        body = {"model": name, "input": "a"}
        error = refused(client.post(EMBEDDINGS, json=body), 404, "model")
        assert error["code"] == "model_not_found"


def infer(client: Client, name: str, inputs: dict[str, list[str]]) -> dict[str, Any]:
    tensors = [
        {"name": each, "datatype": "BYTES", "shape": [len(data)], "data": data}
        for each, data in inputs.items()
    ]
    response = client.post(f"/v2/models/{name}/infer", json={"inputs": tensors})
    assert response.status_code == 200, response.text
    outputs = {each["name"]: each for each in response.json()["outputs"]}
    return outputs | {"task": response.json()["parameters"]["task"]}


def test_vectors_are_tensors_of_floats(client: Client, checkpoint: Checkpoint) -> None:
    for inputs, asked in (
        ({"text": list(TEXTS)}, list(TEXTS)),
        ({"image": [encoded(3)]}, [picture(3)]),
    ):
        outputs = infer(client, "tiny/embed:full", inputs)
        found = outputs["embedding"]
        assert (found["datatype"], found["shape"]) == ("FP32", [len(asked), 32])
        for row, each in zip(np.reshape(found["data"], (-1, 32)), asked, strict=True):
            assert close(row, by_torch(checkpoint, each, 4))
        assert outputs["input"]["data"] == [next(iter(inputs))] * len(asked)
        assert set(outputs["vector_space"]["data"][0].split("/")[1:]) == {"full", "fp32"}


def test_ranks_are_tensors_too_and_found_by_what_is_brought(client: Client) -> None:
    shown = {"text": [TEXTS[0]], "image": [encoded(seed) for seed in range(4)]}
    outputs = infer(client, "tiny/rank", shown)
    order, scores = outputs["order"], outputs["scores"]
    assert (order["datatype"], order["shape"]) == ("INT64", [1, 4])
    assert (scores["datatype"], scores["shape"]) == ("FP32", [1, 4])
    assert np.argsort(-np.array(scores["data"])).tolist() == order["data"]
    assert infer(client, "tiny", shown)["task"] == "rank"
    assert infer(client, "tiny", {"text": [TEXTS[0]]})["task"] == "embed"


def test_metadata_names_every_way_to_ask(client: Client) -> None:
    told = client.get("/v2/models/tiny/embed").json()
    assert {each["name"]: each["shape"] for each in told["inputs"]} == {"image": [-1], "text": [-1]}
    outputs = {each["name"]: (each["datatype"], each["shape"]) for each in told["outputs"]}
    assert outputs["embedding"] == ("FP32", [-1, -1])


def test_what_is_answered_in_words_is_never_a_vector(client: Client) -> None:
    parts = [{"type": "image_url", "image_url": {"url": encoded(0)}}]
    messages = [{"role": "user", "content": parts}]
    chat = {"model": "tiny/embed", "messages": messages}
    error = refused(client.post("/v1/chat/completions", json=chat), 400, "model")
    assert "vectors" in error["message"]
    described = client.post("/v1/chat/completions", json={"model": "tiny", "messages": messages})
    assert "vqa takes one picture and a question" in described.json()["error"]["message"]
    hugging = client.post("/hf/image-to-text", json={"inputs": encoded(0)})
    assert hugging.status_code == 422
