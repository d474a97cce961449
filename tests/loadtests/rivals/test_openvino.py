"""OpenVINO's queue in this process, on the demo."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtests.rivals import openvino_
from loadtests.rivals.openvino_ import InferQueue, QueueApp, Waiting
from loadtests.rivals.options import PATH, RivalOptions
from loadtests.rivals.work import Batches, Prepared
from loadtests.slo.workload import bodies

DEMO = Path(__file__).parents[3] / "examples/demo-artifact"
OPTIONS = RivalOptions(str(DEMO), "d1", 0, 1, 4, 0, 5_000)


@pytest.fixture(scope="module")
def sizes() -> list[int]:
    """Return the sizes of the batches that were made; grows as they are."""
    return []


@pytest.fixture(scope="module")
def infer(sizes: list[int]) -> InferQueue:
    made = InferQueue(OPTIONS)
    whole = made._batches.inputs

    def inputs(rows: list[Prepared]) -> dict[str, Any]:
        sizes.append(len(rows))
        return whole(rows)

    made._batches.inputs = inputs  # type: ignore[method-assign, assignment]
    return made


def rows(count: int) -> list[Prepared]:
    side_px = Batches(OPTIONS)._manifest.config.image_size
    rng = np.random.default_rng(0)
    return [(rng.integers(0, 256, (side_px, side_px, 3), np.uint8), [0, 5, 2])] * count


def put(infer: InferQueue, came_s: list[float]) -> list[dict[str, Any] | None]:
    """Put rows that came at these times at once; return what became of each."""
    found: list[dict[str, Any] | None] = [{}] * len(came_s)
    left, over = len(came_s), threading.Event()

    def answered_of(number: int) -> Any:
        def answered(answer: dict[str, Any] | None) -> None:
            nonlocal left
            found[number] = answer
            left -= 1
            if left == 0:
                over.set()

        return answered

    for number, (row, at_s) in enumerate(zip(rows(len(came_s)), came_s, strict=True)):
        infer.put(Waiting(row, at_s, answered_of(number)))
    assert over.wait(60)
    return found


def test_what_waits_is_answered_in_batches_no_larger_than_allowed(
    infer: InferQueue, sizes: list[int]
) -> None:
    sizes.clear()
    found = put(infer, [time.monotonic()] * 9)
    assert sum(sizes) == 9
    assert max(sizes) <= OPTIONS.max_batch
    assert len(sizes) < 9  # those that waited together ran together
    assert all(answer is not None and answer["answers"][0]["variant"] == "d1" for answer in found)


def test_what_is_too_old_is_dropped_and_costs_nothing(infer: InferQueue, sizes: list[int]) -> None:
    sizes.clear()
    now_s = time.monotonic()
    found = put(infer, [now_s - 6.0, now_s - 7.0, now_s])
    assert found[:2] == [None, None]
    assert found[2] is not None
    assert sum(sizes) == 1


def test_it_answers_questions_over_http(infer: InferQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_, "InferQueue", lambda options: infer)
    app = QueueApp(OPTIONS)

    async def asked(path: str) -> tuple[int, bytes]:
        body = bodies([{}], 0)[0].encode()
        parts = [{"body": body[:100], "more_body": True}, {"body": body[100:]}]
        said: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", **parts.pop(0)}

        async def send(message: Any) -> None:
            said.append(message)

        await app({"type": "http", "path": path}, receive, send)
        return said[0]["status"], said[1]["body"]

    status, body = asyncio.run(asked(PATH))
    assert status == 200
    assert json.loads(body)["answers"][0]["variant"] == "d1"
    assert asyncio.run(asked("/elsewhere"))[0] == 404
    monkeypatch.setattr(infer, "put", lambda waiting: waiting.answered(None))
    assert asyncio.run(asked(PATH))[0] == 503
