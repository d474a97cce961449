"""Slots of captions: counted at admission, refused with 429 when full, given back exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from artifact.store import Artifact
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
from tests.engine.artifacts.tiny_model import Array
from tests.engine.pools.caption_engine import SLOTS, Desk
from tests.engine.pools.fake_backend import picture
from tests.engine.test_pool import requests


@pytest.fixture
def desk(tiny: Artifact) -> Iterator[Desk]:
    made = Desk(tiny)
    yield made
    made.backend.gate.set()
    made.pool.close()


def test_full_slots_are_refused_and_questions_are_not(desk: Desk) -> None:
    tickets = [desk.caption(rows) for rows in (3, 3)]
    with pytest.raises(QueueFull) as refused:
        desk.caption(3)
    assert refused.value.retry_after_s >= 1
    assert "caption slots" in str(refused.value)
    assert refused.value.limit == SLOTS
    tickets.append(desk.caption(2))
    with pytest.raises(QueueFull):
        desk.caption(1)
    desk.send().result(20)
    futures = [desk.write(ticket, rows) for ticket, rows in zip(tickets, (3, 3, 2), strict=True)]
    for future in futures:
        future.result(20)
    desk.settle()
    assert (desk.free, desk.in_pool) == (SLOTS, 0)
    assert requests(desk.pool)["none", "refused"] == 2


def answered(desk: Desk, ticket: Request) -> None:
    desk.write(ticket, 3).result(20)


def answered_with_fewer_beams(desk: Desk, ticket: Request) -> None:
    desk.write(ticket, 2).result(20)


def cancelled_before(desk: Desk, ticket: Request) -> None:
    desk.pool.cancel(ticket)
    desk.pool.cancel(ticket)
    with pytest.raises(Cancelled):
        desk.write(ticket, 3)


def cancelled_while_it_waits(desk: Desk, ticket: Request) -> None:
    desk.backend.hold()
    desk.send()
    desk.backend.wait_inside()
    future = desk.write(ticket, 3)
    desk.pool.cancel(ticket)
    assert isinstance(future.exception(0), Cancelled)


def cancelled_while_it_runs(desk: Desk, ticket: Request) -> None:
    desk.backend.hold()
    future = desk.write(ticket, 3)
    desk.backend.wait_inside()
    desk.pool.cancel(ticket)
    assert isinstance(future.exception(0), Cancelled)
    assert desk.free == SLOTS - 3, "the engine still has its keys and values"


def unreadable(desk: Desk, ticket: Request) -> None:
    desk.pool.cancel(ticket, "invalid")


def invalid(desk: Desk, ticket: Request) -> None:
    with pytest.raises(InvalidInput, match="image"):
        desk.pool.submit(ticket, CaptionInput(np.zeros((3, 3, 3), np.uint8), None, 3))


def more_beams_than_admitted(desk: Desk, ticket: Request) -> None:
    with pytest.raises(InvalidInput, match="num_beams"):
        desk.write(ticket, 4)


def of_another_task(desk: Desk, ticket: Request) -> None:
    with pytest.raises(InvalidInput, match="task"):
        desk.pool.submit(ticket, VqaInput(picture(), "what"))


def submitted_too_late(desk: Desk, ticket: Request) -> None:
    desk.clock.time_s += 41
    with pytest.raises(DeadlineError):
        desk.write(ticket, 3)


def never_submitted(desk: Desk, ticket: Request) -> None:
    desk.clock.time_s += 41
    others = [desk.caption() for _ in range(SLOTS)]  # the last ones take its slots
    for other in others:
        desk.pool.cancel(other)


def expired_while_it_waits(desk: Desk, ticket: Request) -> None:
    desk.backend.hold()
    desk.send()
    desk.backend.wait_inside()
    future = desk.write(ticket, 3)
    desk.clock.time_s += 41
    desk.backend.gate.set()
    assert isinstance(future.exception(20), DeadlineError)


def expired_between_two_words(desk: Desk, ticket: Request) -> None:
    def hook(stage: str, inputs: dict[str, Array]) -> None:
        desk.clock.time_s += 41.0 if stage == "head[caption]" else 0.0

    desk.backend.hook = hook
    future = desk.write(ticket, 3)
    assert isinstance(future.exception(20), DeadlineError)
    desk.backend.hook = lambda stage, inputs: None


def broken(stage: str) -> Callable[[Desk, Request], None]:
    def end(desk: Desk, ticket: Request) -> None:
        def hook(name: str, inputs: dict[str, Array]) -> None:
            if name == stage:
                raise RuntimeError("broken for the test")

        desk.backend.hook = hook
        assert isinstance(desk.write(ticket, 3).exception(20), InferenceFailed)
        desk.backend.hook = lambda stage, inputs: None

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
    desk: Desk, end: Callable[[Desk, Request], None]
) -> None:
    for _ in range(2):
        ticket = desk.caption(3)
        assert desk.free == SLOTS - 3
        end(desk, ticket)
        desk.pool.cancel(ticket)
        desk.settle()
        assert (desk.free, desk.in_pool) == (SLOTS, 0)
