"""Triton's own client over HTTP, as its users call it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

http = pytest.importorskip("tritonclient.http")
pytestmark = pytest.mark.clients
MODEL = "demo"


@pytest.fixture
def client(server: str) -> Any:
    return http.InferenceServerClient(server.removeprefix("http://"))


def tensor(name: str, *elements: bytes, binary: bool = True) -> Any:
    made = http.InferInput(name, [len(elements)], "BYTES")
    made.set_data_from_numpy(np.array(elements, dtype=object), binary_data=binary)
    return made


def test_health_and_metadata(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert client.is_model_ready(f"{MODEL}/vqa:d2", "1")
    assert not client.is_model_ready("other")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    told = client.get_model_metadata(f"{MODEL}/vqa")
    assert [each["name"] for each in told["inputs"]] == ["image", "question"]


@pytest.mark.parametrize("binary", [True, False])
def test_questions_are_answered(client: Any, picture: Path, binary: bool) -> None:
    questions = tensor("question", b"how many things are there?", b"how many?", binary=binary)
    wanted = [
        http.InferRequestedOutput(name, binary_data=binary)
        for name in ("answer", "score", "top_k_score", "variant", "degraded")
    ]
    result = client.infer(
        f"{MODEL}:d2",
        [tensor("image", picture.read_bytes()), questions],
        outputs=wanted,
        request_id="mine",
        parameters={"max_latency_ms": 20_000, "top_k": 3},
    )
    assert len(result.as_numpy("answer")) == 2
    assert bytes(result.as_numpy("answer")[0] if binary else b"1").isdigit()
    assert result.as_numpy("score").dtype == np.float32
    assert result.as_numpy("top_k_score").shape == (2, 3)
    assert result.as_numpy("degraded").dtype == bool
    assert result.get_response()["id"] == "mine"


def test_all_outputs_come_without_any_named(client: Any, picture: Path) -> None:
    result = client.infer(MODEL, [tensor("image", picture.read_bytes())])
    assert result.as_numpy("caption")[0].decode()
    assert result.as_numpy("executed_blocks").dtype == np.int64
    assert result.get_response()["parameters"]["task"] == "caption"


def test_two_pictures_and_a_statement(client: Any, picture: Path) -> None:
    data = picture.read_bytes()
    inputs = [tensor("image", data, data), tensor("statement", b"there is a circle in both")]
    assert client.infer(MODEL, inputs).as_numpy("answer").dtype == bool


def test_refusals_are_its_own_errors(client: Any, picture: Path) -> None:
    utils = pytest.importorskip("tritonclient.utils")
    image = tensor("image", picture.read_bytes())
    with pytest.raises(utils.InferenceServerException, match="there: demo, demo:d1"):
        client.infer("other", [image])
    with pytest.raises(utils.InferenceServerException, match=r"parameters\.unheard"):
        client.infer(MODEL, [image], parameters={"unheard": 1})
    with pytest.raises(utils.InferenceServerException):
        client.infer(MODEL, [image], parameters={"max_latency_ms": 0.01, "on_miss": "reject"})
