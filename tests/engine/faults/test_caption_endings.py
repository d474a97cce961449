"""Draining and closing while a caption is written, wrong shapes, and rounds put aside."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import numpy as np
import pytest

from artifact.store import Artifact
from engine.errors import Draining, EngineError, InferenceFailed
from engine.requests.request import Request
from engine.tasks.caption import CaptionInput
from engine.types import Answer, Budget, OnMiss
from tests.engine.artifacts.tiny_model import MODEL, Array, picture
from tests.engine.pools.caption_engine import SLOTS, CaptionEngine
from tests.engine.pools.request_counts import request_counts

STEP_S = 0.001


@pytest.fixture
def engine(caption_engine: CaptionEngine) -> CaptionEngine:
    return caption_engine


def long_text(artifact: Artifact, variant: str) -> int:
    """Return a picture with a text of six words."""
    pattern = artifact.manifest.pattern(variant)
    return next(s for s in range(40) if len(MODEL.caption(pattern, picture(s), 6)) == 6)


class Stream:
    """A streamed caption that stops inside its first piece until told to go on."""

    def __init__(self, engine: CaptionEngine, artifact: Artifact) -> None:
        self.pieces: list[str] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        seed = long_text(artifact, "full")
        words = MODEL.caption(artifact.manifest.pattern("full"), picture(seed), 6)
        self.text = artifact.text_codec().decode(words)
        self.request: Request = engine.caption(variant="full")
        self.future: Future[Answer] = engine.pool.submit(
            self.request, CaptionInput(picture(seed)), self._hear
        )
        assert self.begun.wait(20)

    def _hear(self, piece: str) -> None:
        self.pieces.append(piece)
        self.begun.set()
        assert self.go_on.wait(20)


def test_a_stream_that_has_begun_is_finished_when_draining(
    engine: CaptionEngine, tiny: Artifact
) -> None:
    stream = Stream(engine, tiny)
    assert not engine.pool.drain(0.01)
    with pytest.raises(Draining):
        engine.caption()
    stream.go_on.set()
    assert stream.future.result(20).text == stream.text
    assert "".join(stream.pieces) == stream.text
    assert engine.pool.drain(20)


def test_closing_ends_a_stream(engine: CaptionEngine, tiny: Artifact) -> None:
    stream = Stream(engine, tiny)
    closing = threading.Thread(target=engine.pool.close)
    closing.start()
    with pytest.raises(Draining):
        stream.future.result(20)
    stream.go_on.set()
    closing.join(20)
    assert not closing.is_alive()
    told = "".join(stream.pieces)
    assert told != stream.text
    assert stream.text.startswith(told)
    assert request_counts(engine.pool) == {("full", "cancelled"): 1}


def test_a_client_that_leaves_hears_nothing_more(engine: CaptionEngine, tiny: Artifact) -> None:
    stream = Stream(engine, tiny)
    engine.pool.cancel(stream.request)
    stream.go_on.set()
    engine.settle()
    assert len(stream.pieces) == 1
    assert (engine.free_slots, engine.taken_slots) == (SLOTS, 0)


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
    engine: CaptionEngine, tiny: Artifact, stage: str, name: str, axis: int
) -> None:
    def hook(called: str, inputs: dict[str, Array]) -> dict[str, Array] | None:
        if called != stage:
            return None
        found = MODEL.run(called, inputs)
        found[name] = np.concatenate([found[name], found[name]], axis=axis)
        return found

    engine.backend.hook = hook
    futures = [engine.write(engine.caption(2), 2, seed) for seed in range(3)]
    for future in futures:
        assert isinstance(future.exception(20), InferenceFailed)
    engine.backend.hook = lambda called, inputs: None
    engine.settle()
    assert (engine.free_slots, engine.taken_slots) == (SLOTS, 0)
    words = MODEL.caption(tiny.manifest.pattern("full"), picture(1), 6)
    assert engine.write(engine.caption(), 1, 1).result(20).text == tiny.text_codec().decode(words)


@pytest.mark.parametrize("company", [False, True])
@pytest.mark.parametrize("on_miss", ["reject", "degrade"])
def test_a_round_put_aside_is_not_judged_as_if_it_began_anew(
    engine: CaptionEngine, tiny: Artifact, company: bool, on_miss: OnMiss
) -> None:
    """20 calls, 21.5 of them in time. A question that may wait makes the loop decide in between."""
    seed = long_text(tiny, "d1")
    engine.tick(STEP_S)
    engine.backend.hold()
    request = engine.caption(variant="d1", max_latency_ms=21.5, on_miss=on_miss)
    future = engine.write(request, 1, seed)
    engine.backend.wait_inside()
    if company:
        engine.send(Budget(max_latency_ms=20_000))
    engine.backend.gate.set()
    error = future.exception(20)
    assert error is None
    assert future.result(0).deadline_met


def test_a_closed_pool_takes_no_captions(engine: CaptionEngine) -> None:
    request = engine.caption(2)
    engine.pool.close()
    with pytest.raises(EngineError):
        engine.write(request, 2)
    with pytest.raises(EngineError):
        engine.caption()
