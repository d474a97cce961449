"""Binary tensors behind the JSON of a request, and of its answer."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.kit import sample_pictures

INFER = "/v2/models/fake/infer"


def binary(
    parts: dict[str, tuple[bytes, ...]], said: int | None = None, rest: bytes = b"", **more: Any
) -> tuple[bytes, dict[str, str]]:
    """Return a body with binary tensors, and its headers."""
    blobs = {
        name: b"".join(struct.pack("<I", len(each)) + each for each in data)
        for name, data in parts.items()
    }
    inputs = [
        {
            "name": name,
            "shape": [len(parts[name])],
            "datatype": "BYTES",
            "parameters": {"binary_data_size": len(blob)},
        }
        for name, blob in blobs.items()
    ]
    text = json.dumps({"inputs": inputs, **more}).encode()
    length = str(len(text) if said is None else said)
    return text + b"".join(blobs.values()) + rest, {"Inference-Header-Content-Length": length}


BOTH = {"image": (sample_pictures.jpeg(),), "question": (b"what color?",)}


def test_tensors_may_be_binary_both_ways(client: TestClient) -> None:
    body, headers = binary(BOTH, parameters={"binary_data_output": True})
    response = client.post(INFER, content=body, headers=headers)
    assert response.headers["content-type"] == "application/octet-stream"
    size = int(response.headers["inference-header-content-length"])
    told = json.loads(response.content[:size])["outputs"]
    assert all("data" not in each for each in told)
    sizes = [each["parameters"]["binary_data_size"] for each in told]
    assert size + sum(sizes) == len(response.content)
    assert response.content[size : size + sizes[0]] == b"\x03\x00\x00\x00red"


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (binary(BOTH, said=10**9), "more than the body has"),
        (binary(BOTH, rest=b"xx"), "2 bytes behind the JSON"),
        (binary(BOTH | {"question": (b"\xff",)}), "not valid UTF-8"),
        (binary(BOTH | {"question": (b"a" * 9000,)}), "more than 2000"),
        (binary(BOTH | {"image": (b"",)}), "inputs.image: is empty"),
        ((b"{}", {"Inference-Header-Content-Length": "-1"}), "not a number"),
        ((b"{}", {"Inference-Header-Content-Length": "9" * 5000}), "not a number"),
        ((b"{}", {"Inference-Header-Content-Length": "0"}), "EOF"),
    ],
    ids=["long", "rest", "utf-8", "text", "empty", "negative", "digits", "none"],
)
def test_binary_tensors_that_do_not_fit_are_refused(
    client: TestClient, request_: tuple[bytes, dict[str, str]], says: str
) -> None:
    body, headers = request_
    response = client.post(INFER, content=body, headers=headers)
    assert response.status_code == 400
    assert says in response.json()["error"]
