"""Captions of whole variants: what composed ones write, and each the same alone and in company."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from artifact.store import Artifact
from engine.errors import DeadlineUnattainable
from engine.solo import Solo
from engine.types import Budget, CaptionInput
from tests.engine.fakes import picture
from tests.engine.scribes import (
    Rows,
    alone,
    describe,
    free_slots,
    in_pool,
    pictures_first,
    same,
    settled,
)
from tests.engine.test_captions_company import Party
from tests.engine.tiny_gallery import MIXED, write_gallery
from tests.engine.tiny_model import Array
from tests.engine.tiny_whole import COMPOSABLE, VARIANTS, WholeCaptioner
from tests.engine.watched import Watched, with_forks

Idle = Callable[[Artifact], Watched]
LIMITS = (None, None, None, 1, 3, 100)


@pytest.fixture(scope="module")
def forked(trio: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Composed variants, with the same orders."""
    return with_forks(trio, tmp_path_factory.mktemp("forked") / "tiny")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write_gallery(tmp_path_factory.mktemp("mixed") / "tiny", MIXED)


@pytest.fixture(scope="module")
def idle(forked: Artifact, gallery: Artifact, mixed: Artifact) -> Iterator[Idle]:
    """Engines that have nothing else to do, to compare with."""
    engines = {artifact.root: Watched(artifact) for artifact in (forked, gallery, mixed)}
    yield lambda artifact: engines[artifact.root]
    for engine in engines.values():
        engine.close()


@pytest.fixture
def watched(gallery: Artifact) -> Iterator[Watched]:
    made = Watched(gallery)
    yield made
    made.close()


@pytest.mark.parametrize("variant", COMPOSABLE)
@pytest.mark.parametrize("beams", [1, 2, 3])
def test_it_is_what_the_composed_variant_writes(
    watched: Watched, forked: Artifact, idle: Idle, variant: str, beams: int
) -> None:
    watched.gate.clear()
    sent = []
    for seed, limit in enumerate(LIMITS):
        made = describe(seed, beams, limit)
        sent.append((made, watched.send(made, Budget(variant=variant))[1]))
    watched.gate.set()
    for made, future in sent:
        answer, composed = future.result(20), alone(forked, made, variant, idle(forked))[0]
        assert (answer.text, answer.variant) == (composed.text, variant)
        assert answer.executed == composed.executed


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("beams", [1, 2, 3])
def test_it_is_what_each_beam_decodes_alone(watched: Watched, variant: str, beams: int) -> None:
    """Against the NumPy twin, without a pool; heads differ from order to order."""
    watched.gate.clear()
    sent = [
        (seed, limit, watched.send(describe(seed, beams, limit), Budget(variant=variant))[1])
        for seed, limit in enumerate(LIMITS)
    ]
    watched.gate.set()
    codec = watched.pool.artifact.text_codec()
    for seed, limit, future in sent:
        words = WholeCaptioner(variant, picture(seed)).text(beams, min(limit or 6, 6))
        assert future.result(20).text == codec.decode(words)


def test_fewer_heads_change_some_texts() -> None:
    """Else the tests above would say little."""
    texts = [[WholeCaptioner(v, picture(seed)).text(1, 6) for seed in range(8)] for v in VARIANTS]
    full, _, _, slim = texts
    assert sum(a != b for a, b in zip(full, slim, strict=True)) > 2
    assert len({len(words) for words in slim}) > 1


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("made_of", ["gallery", "mixed"])
def test_alone_is_in_company(
    made_of: str,
    seed: int,
    idle: Idle,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They come, are joined by others and leave, at any call; composed ones among them."""
    artifact = request.getfixturevalue(made_of)
    if seed % 2:
        pictures_first(monkeypatch)
    party = Party(artifact, seed, monkeypatch)
    party.play()
    assert (free_slots(party.watched), in_pool(party.watched)) == (12, 0)
    party.watched.close()
    finished = 0
    for number, (made, variant, future) in party.sent.items():
        if future.exception(0) is not None:
            continue
        finished += 1
        by_itself, logits = alone(artifact, made, variant, idle(artifact))
        assert (future.result(0).variant, future.result(0).text) == (variant, by_itself.text)
        assert same(party.heard[number], logits, 1e-5)
    assert finished


@pytest.mark.parametrize("limit", [None, 2])
def test_pieces_joined_are_the_text(watched: Watched, limit: int | None) -> None:
    watched.gate.clear()
    pieces: dict[tuple[str, int], list[str]] = {(v, s): [] for v in VARIANTS for s in range(4)}
    told = {
        key: watched.send(describe(key[1], 1, limit), Budget(variant=key[0]), heard.append)[1]
        for key, heard in pieces.items()
    }
    watched.gate.set()
    for (variant, seed), future in told.items():
        text = future.result(20).text
        assert "".join(pieces[variant, seed]) == text
        words = WholeCaptioner(variant, picture(seed)).text(1, limit or 6)
        assert text == watched.pool.artifact.text_codec().decode(words)
    assert limit or max(map(len, pieces.values())) > 1


def test_a_round_is_one_call_for_each_variant_and_no_larger_than_it_needs(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen texts of four variants, eight at a time; who writes together sits side by side."""
    pictures_first(monkeypatch)
    rows = Rows(watched)
    watched.gate.clear()
    sent = {
        (variant, seed): watched.send(describe(seed), Budget(variant=variant))[1]
        for seed in range(4)
        for variant in VARIANTS
    }
    watched.gate.set()
    for future in sent.values():
        future.result(20)
    together = {seen.ids for seen in watched.steps if seen.stage.startswith("whole_decode")}
    assert max(map(len, together)) == 8
    for variant in VARIANTS:
        stage = f"whole_decode[caption:{variant}]"
        words = sum(len(WholeCaptioner(variant, picture(s)).text(1, 6)) + 1 for s in range(4))
        assert rows.rows[f"whole_image[caption:{variant}]"] == 4
        assert rows.calls[stage] < words
        assert rows.rows[stage] < 1.5 * words


def test_composed_and_whole_variants_write_in_one_round(
    mixed: Artifact, idle: Idle, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures_first(monkeypatch)
    watched = Watched(mixed)
    watched.gate.clear()
    sent = [
        (variant, seed, watched.send(describe(seed, 2), Budget(variant=variant))[1])
        for seed, variant in enumerate(("slim", "d2", "slim", "d2"))
    ]
    watched.gate.set()
    for variant, seed, future in sent:
        composed = alone(mixed, describe(seed, 2), variant, idle(mixed))[0]
        assert future.result(20).text == composed.text
    calls = {seen.stage: seen.ids for seen in watched.steps if len(seen.ids) == 4}
    assert {"stem[decode]", "block_decode[0]", "head[caption]"} < set(calls)
    assert "whole_decode[caption:slim]" in calls
    watched.close()


def test_only_the_keys_and_values_of_who_wrote_take_memory(watched: Watched) -> None:
    speaker = watched.pool._executor._speaker
    assert speaker is not None
    stores = speaker._decoder._pool._stores
    assert not stores
    for variant in ("d2", "full", "p1011"):
        watched.send(describe(1), Budget(variant=variant))[1].result(20)
    sizes = {(name[2:], *size) for name, *size in stores}
    assert sizes == {
        *(("0", 4, 1), ("1", 2, 2)),  # d2
        *(("0", 2, 2), ("2", 2, 2), ("3", 2, 2)),  # full, and d2's order 1
        *(("0", 1, 4), ("3", 4, 1)),  # p1011, and full's order 2
    }


def test_a_slot_is_used_by_one_variant_after_another(gallery: Artifact) -> None:
    """Whatever the one before left in the stores they share."""
    watched = Watched(gallery, max_batch=1, caption_slots=1)
    for seed, variant in enumerate([*VARIANTS, *reversed(VARIANTS)]):
        answer = watched.send(describe(seed), Budget(variant=variant))[1].result(20)
        words = WholeCaptioner(variant, picture(seed)).text(1, 6)
        assert answer.text == gallery.text_codec().decode(words)
        settled(watched)
    watched.close()


def tick(watched: Watched, step_s: float) -> None:
    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        watched.clock.time_s += step_s

    watched.during = during


@pytest.mark.parametrize("beams", [1, 3])
def test_an_explicit_variant_is_never_swapped(watched: Watched, beams: int) -> None:
    tick(watched, 0.001)
    made = describe(2, beams)
    answer = watched.send(made, Budget(variant="slim", max_latency_ms=0.5))[1].result(20)
    assert (answer.variant, answer.deadline_met, answer.degraded) == ("slim", False, False)
    assert answer.text == alone(watched.pool.artifact, made, "slim")[0].text
    with pytest.raises(DeadlineUnattainable):
        watched.send(made, Budget(variant="slim", max_latency_ms=0.5, on_miss="reject"))


def test_without_qualities_the_first_of_the_deepest_writes(watched: Watched) -> None:
    tick(watched, 0.001)
    for seed in range(4):
        answer = watched.send(describe(seed), Budget())[1].result(20)
        assert (answer.variant, answer.quality, answer.degraded) == ("full", None, False)
        assert answer.deadline_met
        assert answer.predicted_s > 0
        assert answer.phases_s["blocks"] > 0


@pytest.mark.parametrize("beams", [1, 3])
def test_memory_counts_every_beam(watched: Watched, beams: int) -> None:
    """Of equally deep variants the one that is smaller; `slim` keeps less."""
    family = watched.pool._admission._family
    offers = {offer.variant: offer for offer in watched.pool.offers("caption")}
    own = {v: family.member("caption", v).request_bytes for v in VARIANTS}
    need = {v: offers[v].memory_bytes + (beams - 1) * own[v] for v in VARIANTS}
    assert own["slim"] < own["full"]
    budget = Budget(variant="slim", max_memory_mb=need["slim"] / 1e6)
    assert watched.send(describe(1, beams), budget)[1].result(20).variant == "slim"


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("beams", [1, 3])
def test_without_a_scheduler(gallery: Artifact, variant: str, beams: int) -> None:
    pixels = [picture(seed) for seed in range(7)]
    found = Solo.open(gallery, max_batch=6).captions(variant, pixels, beams=beams)
    assert found == [WholeCaptioner(variant, image).text(beams, 6) for image in pixels]


def test_a_request_without_an_answer_leaves_nothing(watched: Watched) -> None:
    watched.gate.clear()
    sent = [
        watched.send(CaptionInput(picture(s)), Budget(variant=v))
        for s, v in enumerate((*VARIANTS, *VARIANTS))
    ]
    for ticket, _ in sent[::2]:
        watched.pool.cancel(ticket)
    watched.gate.set()
    for ticket, future in sent[1::2]:
        assert future.result(20).variant == ticket.variant
    assert watched.pool.drain(20)
    assert in_pool(watched) == 0
