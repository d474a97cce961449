"""KServe's `InferenceRESTClient`, as its users call it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

kserve = pytest.importorskip("kserve")
rest = pytest.importorskip("kserve.inference_client")
pytestmark = pytest.mark.clients
MODEL = "demo"


def tensor(name: str, element: bytes) -> Any:
    made = kserve.InferInput(name, [1], "BYTES")
    made.set_data_from_numpy(np.array([element], dtype=object), binary_data=True)
    return made


def test_health_and_an_answer(server: str, picture: Path) -> None:
    image = tensor("image", picture.read_bytes())

    async def ask() -> Any:
        client = kserve.InferenceRESTClient(rest.RESTConfig(protocol="v2"))
        assert await client.is_server_live(server)
        assert await client.is_server_ready(server)
        assert await client.is_model_ready(server, MODEL)
        inputs = [image, tensor("question", b"how many things are there?")]
        request = kserve.InferRequest(model_name=MODEL, infer_inputs=inputs)
        return await client.infer(server, request, model_name=MODEL)

    with ThreadPoolExecutor(1) as apart:  # a browser's loop may already run on this thread
        answered = apart.submit(asyncio.run, ask()).result()
    outputs = {each.name: each.as_numpy() for each in answered.outputs}
    answer = outputs["answer"][0]
    assert (answer.decode() if isinstance(answer, bytes) else answer).isdigit()
