"""A pool on real ONNX Runtime: it answers, refuses and counts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from artifact.store import Artifact
from engine.clock import SystemClock
from engine.config import EngineConfig
from engine.errors import (
    Cancelled,
    DeadlineExpired,
    DeadlineUnattainable,
    Draining,
    EngineError,
    InvalidInput,
    NotReady,
    NoVariantFits,
    UnknownVariant,
)
from engine.pool import EnginePool
from engine.tasks.caption import CaptionInput
from engine.tasks.vqa import VqaInput
from engine.types import Answer, Budget
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.artifacts.tiny_model import LABELS, MODEL, WORDS, picture
from tests.engine.pools.request_counts import request_counts

NOW = SystemClock().now_s


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write_tiny(tmp_path_factory.mktemp("pool") / "tiny", MODEL)


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def pool(artifact: Artifact, cache_dir: Path) -> Iterator[EnginePool]:
    opened = EnginePool.open(artifact, EngineConfig(cache_dir=cache_dir))
    yield opened
    opened.close()


def ask(pool: EnginePool, budget: Budget | None = None, seed: int = 0) -> Answer:
    request = pool.admit("vqa", budget or Budget(), NOW())
    return pool.submit(request, VqaInput(picture(seed), "what colour", top_k=3)).result(20)


def test_an_answer_is_right_and_says_how(pool: EnginePool, artifact: Artifact) -> None:
    answer = ask(pool)
    logits = MODEL.vqa(artifact.manifest.pattern("full"), picture(), [1, 5, 6, 2])
    scores = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert [label for label, _ in answer.labels] == [LABELS[i] for i in np.argsort(-scores)[:3]]
    assert answer.labels[0][1] == pytest.approx(scores.max(), rel=1e-4)
    assert (answer.variant, answer.bits, answer.executed_blocks) == ("full", "1111", 4)
    assert (answer.quality, answer.degraded, answer.deadline_met) == (0.9, False, True)
    assert set(answer.phases_s) == {"queue", "stem", "blocks", "head"}
    assert all(seconds >= 0 for seconds in answer.phases_s.values())
    assert answer.predicted_s > 0


@pytest.mark.parametrize("variant", ["full", "d3", "d2", "d1"])
def test_a_caption_of_the_variant_asked_for(
    pool: EnginePool, artifact: Artifact, variant: str
) -> None:
    request = pool.admit("caption", Budget(variant=variant), NOW())
    answer = pool.submit(request, CaptionInput(picture(3), None)).result(20)
    words = MODEL.caption(artifact.manifest.pattern(variant), picture(3), 6)
    assert answer.text == " ".join(WORDS[word] for word in words if word > 4)
    assert (answer.variant, answer.labels) == (variant, ())


def test_a_hundred_requests_in_company_are_each_right(pool: EnginePool, artifact: Artifact) -> None:
    variants = ["full", "d3", "d2", "d1"]
    futures = []
    for number in range(100):
        variant = variants[number % 4]
        request = pool.admit("vqa", Budget(variant=variant), NOW())
        question = "what colour is red"[: 4 + 7 * (number % 3)]
        asked = VqaInput(picture(number), question, top_k=1)
        futures.append((variant, question, pool.submit(request, asked)))
    codec = artifact.text_codec()
    for number, (variant, question, future) in enumerate(futures):
        pattern = artifact.manifest.pattern(variant)
        logits = MODEL.vqa(pattern, picture(number), codec.encode_question(question))
        assert future.result(20).labels[0][0] == LABELS[int(logits.argmax())]
        assert future.result().variant == variant


def test_a_hopeless_deadline_degrades_or_is_refused_at_once(pool: EnginePool) -> None:
    assert ask(pool, Budget(max_latency_ms=60_000)).variant == "full"
    late = ask(pool, Budget(max_latency_ms=0.001))
    assert (late.variant, late.degraded, late.deadline_met) == ("d1", True, False)
    with pytest.raises(DeadlineUnattainable, match="raise the budget"):
        pool.admit("vqa", Budget(max_latency_ms=0.001, on_miss="reject"), NOW())


def test_an_explicit_variant_is_never_swapped(pool: EnginePool) -> None:
    answer = ask(pool, Budget(variant="full", max_latency_ms=0.001))
    assert (answer.variant, answer.degraded, answer.deadline_met) == ("full", False, False)


def test_memory_and_quality_are_hard(pool: EnginePool) -> None:
    offers = {offer.variant: offer for offer in pool.offers("vqa")}
    assert offers["d2"].memory_bytes < offers["d3"].memory_bytes
    between_mb = (offers["d2"].memory_bytes + offers["d3"].memory_bytes) / 2e6
    answer = ask(pool, Budget(max_memory_mb=between_mb))
    assert (answer.variant, answer.degraded) == ("d2", False)
    assert ask(pool, Budget(min_quality=0.85, max_latency_ms=0.001)).variant == "d3"
    with pytest.raises(NoVariantFits, match="nearest offer: d2"):
        ask(pool, Budget(max_memory_mb=1e-6))
    with pytest.raises(NoVariantFits, match="nearest offer: full"):
        ask(pool, Budget(min_quality=0.95))


@pytest.mark.parametrize(
    "budget",
    [
        Budget(max_latency_ms=math.nan),
        Budget(max_latency_ms=-1),
        Budget(max_memory_mb=0),
        Budget(min_quality=math.inf),
    ],
)
def test_impossible_budgets(pool: EnginePool, budget: Budget) -> None:
    with pytest.raises(InvalidInput):
        pool.admit("vqa", budget, NOW())


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (VqaInput(picture(), ""), "question"),
        (VqaInput(picture(), "what " * 10_000), "question"),
        (VqaInput(picture(), "what", top_k=0), "top_k"),
        (VqaInput(picture()[:2], "what"), "image"),
        (VqaInput(picture().astype(np.int32), "what"), "image"),  # type: ignore[arg-type]
        (CaptionInput(picture(), 3), "task"),
    ],
)
def test_bad_input_frees_its_place(
    pool: EnginePool, request_: VqaInput | CaptionInput, field: str
) -> None:
    before = request_counts(pool)
    request = pool.admit("vqa", Budget(), NOW())
    with pytest.raises(InvalidInput, match=f"^{field}"):
        pool.submit(request, request_)
    after = request_counts(pool)
    assert after.pop(("full", "invalid")) == before.pop(("full", "invalid"), 0) + 1
    assert after == before
    assert ask(pool)
    with pytest.raises(Cancelled):
        pool.submit(request, VqaInput(picture(), "what"))


def test_every_request_is_counted_once(artifact: Artifact, cache_dir: Path) -> None:
    pool = EnginePool.open(artifact, EngineConfig(cache_dir=cache_dir))
    for _ in range(7):
        ask(pool)
    ask(pool, Budget(max_latency_ms=0.001))
    for budget in (Budget(variant="x"), Budget(min_quality=2), Budget(min_quality=1)):
        with pytest.raises((UnknownVariant, InvalidInput, NoVariantFits)):
            ask(pool, budget)
    with pytest.raises(DeadlineUnattainable):
        ask(pool, Budget(max_latency_ms=0.001, on_miss="reject"))
    pool.cancel(pool.admit("vqa", Budget(), NOW()))
    pool.cancel(pool.admit("vqa", Budget(), NOW()), "invalid")
    assert pool.drain(1.0)
    with pytest.raises(Draining):
        ask(pool)
    pool.close()
    with pytest.raises(NotReady):
        ask(pool)
    assert request_counts(pool) == {
        ("full", "ok"): 7,
        ("d1", "late"): 1,
        ("none", "invalid"): 3,
        ("none", "refused"): 3,
        ("full", "cancelled"): 1,
        ("full", "invalid"): 1,
    }


def test_errors_are_one_family() -> None:
    for error in (DeadlineExpired(1.0), Draining(), UnknownVariant("x", ("full",))):
        assert isinstance(error, EngineError)
        assert str(error)
