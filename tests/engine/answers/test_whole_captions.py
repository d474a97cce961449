"""Captions of whole variants: what composed ones write, and each the same alone and in company."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from artifact.store import Artifact
from engine.errors import DeadlineUnattainable, NoVariantFits
from engine.opening.open import open_solo
from engine.residency.family import Family
from engine.tasks.caption import CaptionInput
from engine.types import Budget
from tests.engine.answers.solo_answers import caption_words
from tests.engine.artifacts.forked_artifact import write_forked
from tests.engine.artifacts.tiny_model import Array, picture
from tests.engine.artifacts.whole_model import COMPOSABLE, VARIANTS, WholeCaptioner
from tests.engine.pools.caption_logits import (
    caption_alone,
    caption_input,
    taken_slots,
)
from tests.engine.pools.watched_engine import IdleEngine, WatchedEngine

LIMITS = (None, None, None, 1, 3, 100)


@pytest.fixture(scope="module")
def forked(trio: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Composed variants, with the same orders."""
    return write_forked(trio, tmp_path_factory.mktemp("forked") / "tiny")


@pytest.mark.parametrize("variant", COMPOSABLE)
@pytest.mark.parametrize("beams", [1, 2, 3])
def test_it_is_what_the_composed_variant_writes(
    wholes: WatchedEngine, forked: Artifact, idle: IdleEngine, variant: str, beams: int
) -> None:
    wholes.gate.clear()
    sent = []
    for seed, limit in enumerate(LIMITS):
        made = caption_input(seed, beams, limit)
        sent.append((made, wholes.send(made, Budget(variant=variant))[1]))
    wholes.gate.set()
    for made, future in sent:
        answer, composed = future.result(20), caption_alone(forked, made, variant, idle(forked))[0]
        assert (answer.text, answer.variant) == (composed.text, variant)
        assert answer.executed == composed.executed


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("beams", [1, 2, 3])
def test_it_is_what_each_beam_decodes_alone(
    wholes: WatchedEngine, variant: str, beams: int
) -> None:
    """Against the NumPy twin, without a pool; heads differ from order to order."""
    wholes.gate.clear()
    sent = [
        (seed, limit, wholes.send(caption_input(seed, beams, limit), Budget(variant=variant))[1])
        for seed, limit in enumerate(LIMITS)
    ]
    wholes.gate.set()
    codec = wholes.pool.artifact.text_codec()
    for seed, limit, future in sent:
        words = WholeCaptioner(variant, picture(seed)).text(beams, min(limit or 6, 6))
        assert future.result(20).text == codec.decode(words)


def test_fewer_heads_change_some_texts() -> None:
    """Else the tests above would say little."""
    texts = [[WholeCaptioner(v, picture(seed)).text(1, 6) for seed in range(8)] for v in VARIANTS]
    full, _, _, slim = texts
    assert sum(a != b for a, b in zip(full, slim, strict=True)) > 2
    assert len({len(words) for words in slim}) > 1


@pytest.mark.parametrize("limit", [None, 2])
def test_pieces_joined_are_the_text(wholes: WatchedEngine, limit: int | None) -> None:
    wholes.gate.clear()
    pieces: dict[tuple[str, int], list[str]] = {(v, s): [] for v in VARIANTS for s in range(4)}
    told = {
        key: wholes.send(caption_input(key[1], 1, limit), Budget(variant=key[0]), recorded.append)[
            1
        ]
        for key, recorded in pieces.items()
    }
    wholes.gate.set()
    for (variant, seed), future in told.items():
        text = future.result(20).text
        assert "".join(pieces[variant, seed]) == text
        words = WholeCaptioner(variant, picture(seed)).text(1, limit or 6)
        assert text == wholes.pool.artifact.text_codec().decode(words)
    assert limit or max(map(len, pieces.values())) > 1


def tick(watched: WatchedEngine, step_s: float) -> None:
    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        watched.clock.time_s += step_s

    watched.during = during


@pytest.mark.parametrize("beams", [1, 3])
def test_an_explicit_variant_is_never_swapped(fresh_wholes: WatchedEngine, beams: int) -> None:
    tick(fresh_wholes, 0.001)
    made = caption_input(2, beams)
    answer = fresh_wholes.send(made, Budget(variant="slim", max_latency_ms=0.5))[1].result(20)
    assert (answer.variant, answer.deadline_met, answer.degraded) == ("slim", False, False)
    assert answer.text == caption_alone(fresh_wholes.pool.artifact, made, "slim")[0].text
    with pytest.raises(DeadlineUnattainable):
        fresh_wholes.send(made, Budget(variant="slim", max_latency_ms=0.5, on_miss="reject"))


def test_without_qualities_the_first_of_the_deepest_writes(fresh_wholes: WatchedEngine) -> None:
    tick(fresh_wholes, 0.001)
    for seed in range(4):
        answer = fresh_wholes.send(caption_input(seed), Budget())[1].result(20)
        assert (answer.variant, answer.quality, answer.degraded) == ("full", None, False)
        assert answer.deadline_met
        assert answer.predicted_s > 0
        assert answer.phases_s["blocks"] > 0


@pytest.mark.parametrize("beams", [1, 3])
def test_memory_counts_every_beam(wholes: WatchedEngine, beams: int) -> None:
    """`slim` keeps less."""
    family = Family(wholes.pool.artifact.manifest, "fp32")
    offers = {offer.variant: offer for offer in wholes.pool.offers("caption")}
    own = {v: family.member("caption", v).request_bytes for v in VARIANTS}
    need = {v: offers[v].memory_bytes + (beams - 1) * own[v] for v in VARIANTS}
    assert own["slim"] < own["full"]
    budget = Budget(variant="slim", max_memory_mb=need["slim"] / 1e6)
    assert wholes.send(caption_input(1, beams), budget)[1].result(20).variant == "slim"
    with pytest.raises(NoVariantFits):
        wholes.send(
            caption_input(1, beams), Budget(variant="slim", max_memory_mb=(need["slim"] - 1) / 1e6)
        )


def test_without_a_scheduler(gallery: Artifact) -> None:
    solo = open_solo(gallery, max_batch=3)
    pixels = [picture(seed) for seed in range(4)]
    for variant in VARIANTS:
        for beams in (1, 3):
            wanted = [WholeCaptioner(variant, image).text(beams, 6) for image in pixels]
            assert caption_words(solo, variant, pixels, beams=beams) == wanted


def test_a_request_without_an_answer_leaves_nothing(fresh_wholes: WatchedEngine) -> None:
    fresh_wholes.gate.clear()
    sent = [
        fresh_wholes.send(CaptionInput(picture(s)), Budget(variant=v))
        for s, v in enumerate((*VARIANTS, *VARIANTS))
    ]
    for request, _ in sent[::2]:
        fresh_wholes.pool.cancel(request)
    fresh_wholes.gate.set()
    for request, future in sent[1::2]:
        assert future.result(20).variant == request.variant
    assert fresh_wholes.pool.drain(20)
    assert taken_slots(fresh_wholes) == 0
