"""Triton's own client over gRPC, alone in a process: its messages are those of other clients too.

Prints what it got as one JSON object. Arguments: the address, and a picture file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

MODEL = "demo"


def tensor(name: str, *elements: bytes) -> Any:
    made = triton.InferInput(name, [len(elements)], "BYTES")
    made.set_data_from_numpy(np.array(elements, dtype=object))
    return made


def main(address: str, picture: str) -> None:
    client = triton.InferenceServerClient(address)
    image = tensor("image", Path(picture).read_bytes())
    question = tensor("question", b"how many things are there?", b"how many?")
    budget = {"max_latency_ms": 20_000}
    result = client.infer(MODEL, [image, question], parameters=budget, client_timeout=60)
    try:
        client.infer("other", [image])
    except InferenceServerException as error:
        refused = str(error)
    told = client.get_model_metadata(f"{MODEL}/vqa", as_json=True)
    found = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model": client.is_model_ready(MODEL),
        "other": client.is_model_ready("other"),
        "inputs": [each["name"] for each in told["inputs"]],
        "answers": [each.decode() for each in result.as_numpy("answer")],
        "refused": refused,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
