"""The first word of a stream has a deadline of its own, beside that of the whole caption."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from artifact.store import Artifact
from engine.errors import DeadlineError, DeadlineUnattainable, InvalidInput
from engine.tasks.caption import CaptionInput
from engine.types import Answer, Budget
from tests.engine.artifacts.tiny_model import Array, picture
from tests.engine.pools.caption_engine import CaptionEngine
from tests.engine.pools.request_counts import request_counts

STEP_S = 0.001
DEPTHS = {"full": 4, "d3": 3, "d2": 2, "d1": 1}
WORDS = 6
SPARE = 1.2


def first_s(depth: int) -> float:
    """Seconds to the first piece of text, alone: stem, image blocks, and two rounds."""
    return (1 + depth + 2 * (depth + 2)) * STEP_S


def rest_s(depth: int) -> float:
    """Seconds of the words after those."""
    return (WORDS - 2) * (depth + 2) * STEP_S


@pytest.fixture
def engine(caption_engine: CaptionEngine) -> CaptionEngine:
    caption_engine.tick(STEP_S)
    return caption_engine


class Read:
    """A caption that is read while it is written."""

    def __init__(self, engine: CaptionEngine, **budget: object) -> None:
        self.arrived_s = engine.clock.time_s
        self.first_after_s: float | None = None
        self._engine = engine
        request = engine.caption(1, **budget)
        given = CaptionInput(picture(5), None, 1)
        self.answer: Future[Answer] = engine.pool.submit(request, given, self._hear)

    def _hear(self, text: str) -> None:
        if self.first_after_s is None:
            self.first_after_s = self._engine.clock.time_s - self.arrived_s


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_it_goes_as_deep_as_leaves_time_for_the_first_word(
    engine: CaptionEngine, depth: int
) -> None:
    """With a fifth to spare, too little for one more; the other words have all the time."""
    limit_s = first_s(depth) * SPARE
    read = Read(engine, max_first_token_ms=limit_s * 1e3, max_latency_ms=1000.0)
    answer = read.answer.result(20)
    assert DEPTHS[answer.variant] == depth
    assert answer.deadline_met
    assert read.first_after_s is not None
    assert read.first_after_s <= limit_s


def test_both_deadlines_are_kept(engine: CaptionEngine) -> None:
    """Time for the first word of the deepest variant, but then not for its other words."""
    first_ms = first_s(4) * SPARE * 1e3
    whole_ms = first_ms + (rest_s(2) + STEP_S / 2) * 1e3
    read = Read(engine, max_first_token_ms=first_ms, max_latency_ms=whole_ms)
    answer = read.answer.result(20)
    assert answer.deadline_met
    assert DEPTHS[answer.variant] == 2


def test_without_a_latency_limit_only_the_first_word_is_due(engine: CaptionEngine) -> None:
    answer = Read(engine, max_first_token_ms=first_s(2) * SPARE * 1e3).answer.result(20)
    assert (DEPTHS[answer.variant], answer.deadline_met) == (2, True)


def test_under_reject_one_that_cannot_be_met_is_refused(engine: CaptionEngine) -> None:
    with pytest.raises(DeadlineUnattainable, match="a first word within 1 ms cannot be met"):
        Read(engine, max_first_token_ms=1.0, max_latency_ms=1000.0, on_miss="reject")


def late_words(engine: CaptionEngine) -> None:
    """Let every decode step take far longer than predicted."""

    def hook(stage: str, inputs: dict[str, Array]) -> None:
        engine.clock.time_s += STEP_S if "image" in stage or "stem" in stage else 0.1

    engine.backend.hook = hook


def test_a_late_first_word_is_told_under_degrade(engine: CaptionEngine) -> None:
    late_words(engine)
    limit_ms = first_s(1) * SPARE * 1e3
    read = Read(engine, max_first_token_ms=limit_ms, max_latency_ms=60_000.0)
    assert read.answer.result(20).deadline_met is False
    assert read.first_after_s is not None


def test_a_late_first_word_is_never_sent_under_reject(
    engine: CaptionEngine, tiny: Artifact
) -> None:
    late_words(engine)
    limit_ms = first_s(1) * SPARE * 1e3
    budget = {"max_first_token_ms": limit_ms, "max_latency_ms": 60_000.0, "on_miss": "reject"}
    read = Read(engine, **budget)
    with pytest.raises(DeadlineError) as caught:
        read.answer.result(20)
    assert not isinstance(caught.value, DeadlineUnattainable) or "first word" in str(caught.value)
    assert read.first_after_s is None
    assert [end for (_, end), count in request_counts(engine.pool).items() if count] == ["expired"]


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_time_is_refused(engine: CaptionEngine, value: float) -> None:
    with pytest.raises(InvalidInput, match="max_first_token_ms"):
        Read(engine, max_first_token_ms=value)


def test_an_answer_that_comes_at_once_is_due_by_the_earlier() -> None:
    assert Budget(max_first_token_ms=5.0).for_whole_answer() == Budget(max_latency_ms=5.0)
    both = Budget(max_latency_ms=4.0, max_first_token_ms=5.0)
    assert both.for_whole_answer() == Budget(max_latency_ms=4.0)
    assert Budget().for_whole_answer() == Budget()
