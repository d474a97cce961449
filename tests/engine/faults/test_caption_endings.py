"""Draining and closing while a caption is written, wrong shapes, and rounds put aside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from artifact.store import Artifact
from engine.errors import Draining, EngineError, InferenceFailed, InvalidInput
from engine.requests.request import Request
from engine.tasks.caption import CaptionInput
from engine.tasks.reason import ReasonInput
from engine.types import Answer, Budget, OnMiss
from tests.engine.artifacts.tiny_model import Array
from tests.engine.pools.caption_engine import SLOTS, Desk
from tests.engine.pools.fake_backend import picture
from tests.engine.pools.fake_engine import MODEL
from tests.engine.pools.watched_engine import Watched
from tests.engine.test_pool import requests

STEP_S = 0.001


@pytest.fixture
def desk(tiny: Artifact) -> Iterator[Desk]:
    made = Desk(tiny)
    yield made
    made.backend.gate.set()
    made.pool.close()


def long_text(artifact: Artifact, variant: str) -> int:
    """Return a picture with a text of six words."""
    pattern = artifact.manifest.pattern(variant)
    return next(s for s in range(40) if len(MODEL.caption(pattern, picture(s), 6)) == 6)


class Stream:
    """A streamed caption that stops inside its first piece until told to go on."""

    def __init__(self, desk: Desk, artifact: Artifact) -> None:
        self.pieces: list[str] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        seed = long_text(artifact, "full")
        words = MODEL.caption(artifact.manifest.pattern("full"), picture(seed), 6)
        self.text = artifact.text_codec().decode(words)
        self.ticket: Request = desk.caption(variant="full")
        self.future: Future[Answer] = desk.pool.submit(
            self.ticket, CaptionInput(picture(seed)), self._hear
        )
        assert self.begun.wait(20)

    def _hear(self, piece: str) -> None:
        self.pieces.append(piece)
        self.begun.set()
        assert self.go_on.wait(20)


def test_a_stream_that_has_begun_is_finished_when_draining(desk: Desk, tiny: Artifact) -> None:
    stream = Stream(desk, tiny)
    assert not desk.pool.drain(0.01)
    with pytest.raises(Draining):
        desk.caption()
    stream.go_on.set()
    assert stream.future.result(20).text == stream.text
    assert "".join(stream.pieces) == stream.text
    assert desk.pool.drain(20)


def test_closing_ends_a_stream(desk: Desk, tiny: Artifact) -> None:
    stream = Stream(desk, tiny)
    closing = threading.Thread(target=desk.pool.close)
    closing.start()
    with pytest.raises(Draining):
        stream.future.result(20)
    stream.go_on.set()
    closing.join(20)
    assert not closing.is_alive()
    told = "".join(stream.pieces)
    assert told != stream.text
    assert stream.text.startswith(told)
    assert requests(desk.pool) == {("full", "cancelled"): 1}


def test_a_client_that_leaves_hears_nothing_more(desk: Desk, tiny: Artifact) -> None:
    stream = Stream(desk, tiny)
    desk.pool.cancel(stream.ticket)
    stream.go_on.set()
    desk.settle()
    assert len(stream.pieces) == 1
    assert (desk.free, desk.in_pool) == (SLOTS, 0)


WRONG = [
    ("stem[caption]", "h"),
    ("block_image[0]", "h_out"),
    ("block_image[1]", "k"),
    ("stem[decode]", "h"),
    ("block_decode[0]", "h_out"),
    ("block_decode[1]", "v_new"),
    ("head[caption]", "logits"),
]


@pytest.mark.parametrize(("stage", "name"), WRONG)
@pytest.mark.parametrize("axis", [0, -1])
def test_outputs_of_the_wrong_shape_fail_the_request(
    desk: Desk, tiny: Artifact, stage: str, name: str, axis: int
) -> None:
    def hook(called: str, inputs: dict[str, Array]) -> dict[str, Array] | None:
        if called != stage:
            return None
        found = MODEL.run(called, inputs)
        found[name] = np.concatenate([found[name], found[name]], axis=axis)
        return found

    desk.backend.hook = hook
    futures = [desk.write(desk.caption(2), 2, seed) for seed in range(3)]
    for future in futures:
        assert isinstance(future.exception(20), InferenceFailed)
    desk.backend.hook = lambda called, inputs: None
    desk.settle()
    assert (desk.free, desk.in_pool) == (SLOTS, 0)
    words = MODEL.caption(tiny.manifest.pattern("full"), picture(1), 6)
    assert desk.write(desk.caption(), 1, 1).result(20).text == tiny.text_codec().decode(words)


@pytest.mark.parametrize("company", [False, True])
@pytest.mark.parametrize("on_miss", ["reject", "degrade"])
def test_a_round_put_aside_is_not_judged_as_if_it_began_anew(
    desk: Desk, tiny: Artifact, company: bool, on_miss: OnMiss
) -> None:
    """20 calls, 21.5 of them in time. A question that may wait makes the loop decide in between."""
    seed = long_text(tiny, "d1")
    desk.tick(STEP_S)
    desk.backend.hold()
    ticket = desk.caption(variant="d1", max_latency_ms=21.5, on_miss=on_miss)
    future = desk.write(ticket, 1, seed)
    desk.backend.wait_inside()
    if company:
        desk.send(Budget(max_latency_ms=20_000))
    desk.backend.gate.set()
    error = future.exception(20)
    assert error is None
    assert future.result(0).deadline_met


def pictures(count: int) -> Any:
    return tuple(picture(seed) for seed in range(count))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_statement_about_other_than_two_pictures_ends(trio: Artifact, count: int) -> None:
    watched = Watched(trio)
    ticket = watched.pool.admit("reason", Budget(), watched.clock.time_s)
    with pytest.raises(Exception):  # noqa: B017, PT011  whatever it is, the request has ended then
        watched.pool.submit(ticket, ReasonInput(pictures(count), "what"))
    drained = watched.pool.drain(0)
    watched.close()
    assert drained


def test_more_beams_than_slots_there_are_is_no_matter_of_waiting(trio: Artifact) -> None:
    watched = Watched(trio, max_batch=1, caption_slots=1)
    try:
        with pytest.raises(InvalidInput, match="num_beams"):
            watched.pool.admit("caption", Budget(), watched.clock.time_s, rows=2)
    finally:
        watched.close()


def test_a_closed_pool_takes_no_captions(desk: Desk) -> None:
    ticket = desk.caption(2)
    desk.pool.close()
    with pytest.raises(EngineError):
        desk.write(ticket, 2)
    with pytest.raises(EngineError):
        desk.caption()
