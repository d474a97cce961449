"""Slots of captions: counted at admission, refused with 429 when full, given back exactly once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.errors import (
    Cancelled,
    DeadlineError,
    InferenceFailed,
    InvalidInput,
    QueueFull,
)
from engine.requests.request import Request
from engine.tasks.caption import CaptionInput
from engine.tasks.vqa import VqaInput
from tests.engine.artifacts.tiny_model import Array, picture
from tests.engine.pools.caption_engine import SLOTS, CaptionEngine
from tests.engine.pools.request_counts import request_counts


@pytest.fixture
def engine(caption_engine: CaptionEngine) -> CaptionEngine:
    return caption_engine


def test_full_slots_are_refused_and_questions_are_not(engine: CaptionEngine) -> None:
    admitted = [engine.caption(rows) for rows in (3, 3)]
    with pytest.raises(QueueFull) as refused:
        engine.caption(3)
    assert refused.value.retry_after_s >= 1
    assert "caption slots" in str(refused.value)
    assert refused.value.limit == SLOTS
    admitted.append(engine.caption(2))
    with pytest.raises(QueueFull):
        engine.caption(1)
    engine.send().result(20)
    futures = [
        engine.write(request, rows) for request, rows in zip(admitted, (3, 3, 2), strict=True)
    ]
    for future in futures:
        future.result(20)
    engine.settle()
    assert (engine.free_slots, engine.taken_slots) == (SLOTS, 0)
    assert request_counts(engine.pool)["none", "refused"] == 2


def answered(engine: CaptionEngine, request: Request) -> None:
    engine.write(request, 3).result(20)


def answered_with_fewer_beams(engine: CaptionEngine, request: Request) -> None:
    engine.write(request, 2).result(20)


def cancelled_before(engine: CaptionEngine, request: Request) -> None:
    engine.pool.cancel(request)
    engine.pool.cancel(request)
    with pytest.raises(Cancelled):
        engine.write(request, 3)


def cancelled_while_it_waits(engine: CaptionEngine, request: Request) -> None:
    engine.backend.hold()
    engine.send()
    engine.backend.wait_inside()
    future = engine.write(request, 3)
    engine.pool.cancel(request)
    assert isinstance(future.exception(0), Cancelled)


def cancelled_while_it_runs(engine: CaptionEngine, request: Request) -> None:
    engine.backend.hold()
    future = engine.write(request, 3)
    engine.backend.wait_inside()
    engine.pool.cancel(request)
    assert isinstance(future.exception(0), Cancelled)
    assert engine.free_slots == SLOTS - 3, "the engine still has its keys and values"


def unreadable(engine: CaptionEngine, request: Request) -> None:
    engine.pool.cancel(request, "invalid")


def invalid(engine: CaptionEngine, request: Request) -> None:
    with pytest.raises(InvalidInput, match="image"):
        engine.pool.submit(request, CaptionInput(np.zeros((3, 3, 3), np.uint8), None, 3))


def more_beams_than_admitted(engine: CaptionEngine, request: Request) -> None:
    with pytest.raises(InvalidInput, match="num_beams"):
        engine.write(request, 4)


def of_another_task(engine: CaptionEngine, request: Request) -> None:
    with pytest.raises(InvalidInput, match="task"):
        engine.pool.submit(request, VqaInput(picture(), "what"))


def submitted_too_late(engine: CaptionEngine, request: Request) -> None:
    engine.clock.time_s += 41
    with pytest.raises(DeadlineError):
        engine.write(request, 3)


def never_submitted(engine: CaptionEngine, request: Request) -> None:
    engine.clock.time_s += 41
    others = [engine.caption() for _ in range(SLOTS)]  # the last ones take its slots
    for other in others:
        engine.pool.cancel(other)


def expired_while_it_waits(engine: CaptionEngine, request: Request) -> None:
    engine.backend.hold()
    engine.send()
    engine.backend.wait_inside()
    future = engine.write(request, 3)
    engine.clock.time_s += 41
    engine.backend.gate.set()
    assert isinstance(future.exception(20), DeadlineError)


def expired_between_two_words(engine: CaptionEngine, request: Request) -> None:
    def hook(stage: str, inputs: dict[str, Array]) -> None:
        engine.clock.time_s += 41.0 if stage == "head[caption]" else 0.0

    engine.backend.hook = hook
    future = engine.write(request, 3)
    assert isinstance(future.exception(20), DeadlineError)
    engine.backend.hook = lambda stage, inputs: None


def broken(stage: str) -> Callable[[CaptionEngine, Request], None]:
    def end(engine: CaptionEngine, request: Request) -> None:
        def hook(name: str, inputs: dict[str, Array]) -> None:
            if name == stage:
                raise RuntimeError("broken for the test")

        engine.backend.hook = hook
        assert isinstance(engine.write(request, 3).exception(20), InferenceFailed)
        engine.backend.hook = lambda stage, inputs: None

    end.__name__ = f"broken_{stage}"
    return end


ENDS = [
    answered,
    answered_with_fewer_beams,
    cancelled_before,
    cancelled_while_it_waits,
    cancelled_while_it_runs,
    unreadable,
    invalid,
    more_beams_than_admitted,
    of_another_task,
    submitted_too_late,
    never_submitted,
    expired_while_it_waits,
    expired_between_two_words,
    *map(broken, ("stem[caption]", "block_image[1]", "block_decode[0]", "head[caption]")),
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: str(end.__name__))
def test_slots_come_back_once_however_it_ends(
    engine: CaptionEngine, end: Callable[[CaptionEngine, Request], None]
) -> None:
    for _ in range(2):
        request = engine.caption(3)
        assert engine.free_slots == SLOTS - 3
        end(engine, request)
        engine.pool.cancel(request)
        engine.settle()
        assert (engine.free_slots, engine.taken_slots) == (SLOTS, 0)
