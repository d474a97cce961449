"""What a caption becomes: deep with time, shallow without, final once it has seen the picture."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from artifact.store import Artifact
from engine.errors import (
    DeadlineError,
    DeadlineExpired,
    DeadlineUnattainable,
    InvalidInput,
    NoVariantFits,
)
from engine.residency.family import Family
from engine.tasks.caption import CaptionInput
from engine.types import Answer, Budget
from tests.engine.artifacts.tiny_model import MODEL, Array, picture
from tests.engine.pools import inside
from tests.engine.pools.caption_engine import SLOTS, CaptionEngine
from tests.engine.pools.request_counts import request_counts

STEP_S = 0.001
DEPTHS = {"full": 4, "d3": 3, "d2": 2, "d1": 1}


def whole_s(depth: int, words: int) -> float:
    """Seconds of a caption alone: stem, image blocks, and a round for each word and [EOS]."""
    return (1 + depth + words * (depth + 2)) * STEP_S


@pytest.fixture
def engine(caption_engine: CaptionEngine) -> CaptionEngine:
    caption_engine.tick(STEP_S)
    return caption_engine


def caption(
    engine: CaptionEngine, seed: int = 2, limit: int | None = None, beams: int = 1, **budget: object
) -> Future[Answer]:
    request = engine.caption(beams, **budget)
    return engine.pool.submit(request, CaptionInput(picture(seed), limit, beams))


def check_text(artifact: Artifact, answer: Answer, seed: int = 2, limit: int = 6) -> None:
    pattern = artifact.manifest.pattern(answer.variant)
    assert answer.executed == pattern.executed
    words = MODEL.caption(pattern, picture(seed), min(limit, 6))
    assert answer.text == artifact.text_codec().decode(words)


def test_with_slack_it_goes_deep(engine: CaptionEngine, tiny: Artifact) -> None:
    answer = caption(engine, max_latency_ms=500.0).result(20)
    assert (answer.variant, answer.deadline_met, answer.degraded) == ("full", True, False)
    check_text(tiny, answer)


@pytest.mark.parametrize("deeper", [2, 3, 4])
def test_with_less_time_it_stops_earlier_and_is_in_time(
    engine: CaptionEngine, tiny: Artifact, deeper: int
) -> None:
    """Too little for `deeper`, and enough for one order less, with half as much to spare."""
    limit_s = whole_s(deeper, 6) - STEP_S / 2
    answer = caption(engine, max_latency_ms=limit_s * 1e3).result(20)
    assert DEPTHS[answer.variant] < deeper
    assert (answer.deadline_met, answer.degraded) == (True, True)
    check_text(tiny, answer)


def test_the_variant_is_final_when_the_image_pass_ends(
    engine: CaptionEngine, tiny: Artifact
) -> None:
    """However slow the words are: it is late rather than another variant."""

    def hook(stage: str, inputs: dict[str, Array]) -> None:
        engine.clock.time_s += STEP_S if "image" in stage or "caption" in stage else 0.3

    engine.backend.hook = hook
    answer = caption(engine, max_latency_ms=500.0).result(20)
    assert (answer.variant, answer.deadline_met) == ("full", False)
    image = [stage for stage, _ in engine.backend.calls if stage.startswith("block_image")]
    assert len(image) == 4
    check_text(tiny, answer)


def test_a_slow_image_pass_costs_depth(engine: CaptionEngine, tiny: Artifact) -> None:
    def hook(stage: str, inputs: dict[str, Array]) -> None:
        first = stage == "block_image[0]" and int(inputs["order"][0]) == 0
        engine.clock.time_s += 0.03 if first else STEP_S

    engine.backend.hook = hook
    answer = caption(engine, max_latency_ms=60.0).result(20)
    assert answer.variant in ("d1", "d2")
    assert (answer.deadline_met, answer.degraded) == (True, True)
    check_text(tiny, answer)


@pytest.mark.parametrize("variant", list(DEPTHS))
def test_a_named_variant_is_never_swapped(
    engine: CaptionEngine, tiny: Artifact, variant: str
) -> None:
    answer = caption(engine, variant=variant, max_latency_ms=1.0).result(20)
    assert (answer.variant, answer.deadline_met) == (variant, False)
    check_text(tiny, answer)
    answer = caption(engine, variant=variant).result(20)
    assert (answer.variant, answer.deadline_met) == (variant, True)


@pytest.mark.parametrize("lowest", [0.7, 0.85])
def test_min_quality_holds_with_no_time_left(
    engine: CaptionEngine, tiny: Artifact, lowest: float
) -> None:
    answer = caption(engine, min_quality=lowest, max_latency_ms=2.0).result(20)
    assert answer.quality is not None
    assert answer.quality >= lowest
    assert answer.deadline_met is False
    check_text(tiny, answer)
    with pytest.raises(NoVariantFits):
        caption(engine, min_quality=0.95)


def test_memory_holds_with_all_the_time(engine: CaptionEngine, tiny: Artifact) -> None:
    memory = {offer.variant: offer.memory_bytes for offer in engine.pool.offers("caption")}
    assert memory["d2"] < memory["d3"]
    answer = caption(engine, max_memory_mb=memory["d2"] / 1e6).result(20)
    assert answer.variant == "d2"
    check_text(tiny, answer)


def test_memory_counts_every_beam(engine: CaptionEngine) -> None:
    """`request_bytes` count for each of its beams."""
    member = Family(engine.pool.artifact.manifest, "fp32").member("caption", "full")
    memory = {offer.variant: offer.memory_bytes for offer in engine.pool.offers("caption")}
    three_mb = (memory["full"] + 2 * member.request_bytes) / 1e6
    assert caption(engine, beams=3, max_memory_mb=three_mb).result(20).variant == "full"
    assert caption(engine, beams=3, max_memory_mb=memory["full"] / 1e6).result(20).variant != "full"


def test_reject_is_refused_or_in_time_or_expires(engine: CaptionEngine) -> None:
    with pytest.raises(DeadlineUnattainable):
        caption(engine, max_latency_ms=5.0, on_miss="reject")
    answer = caption(engine, max_latency_ms=100.0, on_miss="reject").result(20)
    assert answer.deadline_met
    engine.tick(0.02)
    error = caption(engine, max_latency_ms=100.0, on_miss="reject").exception(20)
    assert isinstance(error, DeadlineError)
    engine.tick(STEP_S)
    engine.settle()
    assert engine.free_slots == SLOTS
    outcomes = [outcome for (_, outcome), count in request_counts(engine.pool).items() if count]
    assert outcomes.count("expired") == 1


@pytest.mark.parametrize("late_s", [0.0001, 5.0, 9.0])
def test_past_within_the_grace_is_best_effort(
    engine: CaptionEngine, tiny: Artifact, late_s: float
) -> None:
    budget = Budget(max_latency_ms=100)
    arrived_s = engine.clock.time_s - 0.1 - late_s
    request = engine.pool.admit("caption", budget, arrived_s)
    answer = engine.pool.submit(request, CaptionInput(picture(2))).result(20)
    assert (answer.variant, answer.deadline_met, answer.degraded) == ("d1", False, True)
    check_text(tiny, answer)


def test_past_the_grace_ends_at_once(engine: CaptionEngine) -> None:
    request = engine.pool.admit("caption", Budget(max_latency_ms=100), engine.clock.time_s - 20)
    with pytest.raises(DeadlineExpired):
        engine.pool.submit(request, CaptionInput(picture(2)))
    engine.settle()
    assert engine.free_slots == SLOTS


@pytest.mark.parametrize("limit_ms", [5e-324, 1.7e308])
@pytest.mark.parametrize("beams", [1, 3])
def test_the_shortest_and_the_longest_limit(
    engine: CaptionEngine, limit_ms: float, beams: int
) -> None:
    answer = caption(engine, beams=beams, max_latency_ms=limit_ms).result(20)
    assert answer.variant == ("d1" if limit_ms < 1 else "full")
    assert answer.deadline_met is (limit_ms > 1)


@pytest.mark.parametrize("limit_ms", [0.0, -1.0, float("inf"), float("nan")])
def test_a_limit_that_means_nothing_is_refused(engine: CaptionEngine, limit_ms: float) -> None:
    with pytest.raises(InvalidInput, match="max_latency_ms"):
        engine.caption(max_latency_ms=limit_ms)
    assert engine.free_slots == SLOTS


def test_a_text_longer_than_usual_still_ends(engine: CaptionEngine, tiny: Artifact) -> None:
    """Ten texts of one word teach that one word is usual; then come long ones."""
    lengths = {
        seed: len(MODEL.caption(tiny.manifest.pattern("full"), picture(seed), 6))
        for seed in range(40)
    }
    for seed in range(12):
        caption(engine, seed, limit=1, variant="full").result(20)
    assert inside.loop(engine.pool).predictor.caption_length.expected == 1
    longest = max(lengths, key=lambda seed: lengths[seed])
    assert lengths[longest] == 6
    for beams in (1, 3):
        answer = caption(engine, longest, beams=beams, variant="full").result(20)
        assert answer.deadline_met
    check_text(tiny, caption(engine, longest, variant="full").result(20), longest)


def test_without_a_deadline_it_ends_however_long_it_takes(tiny: Artifact) -> None:
    engine = CaptionEngine(tiny, default_latency_ms=None)
    engine.tick(45.0)
    futures = [caption(engine, seed, beams=1 + seed % 3) for seed in range(4)]
    for future in futures:
        assert future.result(20).deadline_met is None
    engine.settle()
    assert (engine.free_slots, engine.taken_slots) == (SLOTS, 0)
    engine.pool.close()


@pytest.mark.parametrize("beams", [1, 2, 4])
def test_one_word(engine: CaptionEngine, tiny: Artifact, beams: int) -> None:
    answer = caption(engine, limit=1, beams=beams).result(20)
    assert len((answer.text or "").split()) <= 1
    calls = [stage for stage, _ in engine.backend.calls]
    assert calls.count("head[caption]") == 1
