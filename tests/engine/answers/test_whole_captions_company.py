"""Captions of whole variants in one round: what is written beside them, where keys lie."""

from __future__ import annotations

import pytest

from artifact.store import Artifact
from engine.types import Budget
from tests.engine.artifacts.tiny_gallery import MIXED, write_gallery
from tests.engine.artifacts.tiny_model import picture
from tests.engine.artifacts.whole_model import VARIANTS, WholeCaptioner
from tests.engine.pools import inside
from tests.engine.pools.caption_logits import (
    RowCounts,
    caption_alone,
    caption_input,
    free_slots,
    pictures_first,
    same_logits,
    settle,
    taken_slots,
)
from tests.engine.pools.random_captions import RandomCaptions
from tests.engine.pools.watched_engine import IdleEngine, WatchedEngine


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write_gallery(tmp_path_factory.mktemp("mixed") / "tiny", MIXED)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("made_of", ["gallery", "mixed"])
def test_alone_is_in_company(
    made_of: str,
    seed: int,
    idle: IdleEngine,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Captions come, meet others and leave, at any call; composed ones among them."""
    artifact = request.getfixturevalue(made_of)
    if seed % 2:
        pictures_first(monkeypatch)
    traffic = RandomCaptions(artifact, seed, monkeypatch)
    traffic.run()
    assert (free_slots(traffic.watched), taken_slots(traffic.watched)) == (12, 0)
    traffic.watched.close()
    finished = 0
    for number, (made, variant, future) in traffic.sent.items():
        if future.exception(0) is not None:
            continue
        finished += 1
        by_itself, logits = caption_alone(artifact, made, variant, idle(artifact))
        assert (future.result(0).variant, future.result(0).text) == (variant, by_itself.text)
        assert same_logits(traffic.recorded[number], logits, 1e-5)
    assert finished


def test_a_round_is_one_call_for_each_variant_and_no_larger_than_it_needs(
    wholes: WatchedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen texts of four variants, eight at a time; texts of one round lie side by side."""
    pictures_first(monkeypatch)
    rows = RowCounts(wholes)
    wholes.gate.clear()
    sent = {
        (variant, seed): wholes.send(caption_input(seed), Budget(variant=variant))[1]
        for seed in range(4)
        for variant in VARIANTS
    }
    wholes.gate.set()
    for future in sent.values():
        future.result(20)
    together = {seen.ids for seen in wholes.steps if seen.stage.startswith("whole_decode")}
    assert max(map(len, together)) == 8
    for variant in VARIANTS:
        stage = f"whole_decode[caption:{variant}]"
        words = sum(len(WholeCaptioner(variant, picture(s)).text(1, 6)) + 1 for s in range(4))
        assert rows.rows[f"whole_image[caption:{variant}]"] == 4
        assert rows.calls[stage] < words
        assert rows.rows[stage] < 1.5 * words


def test_composed_and_whole_variants_write_in_one_round(
    mixed: Artifact, idle: IdleEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures_first(monkeypatch)
    watched = WatchedEngine(mixed)
    watched.gate.clear()
    sent = [
        (variant, seed, watched.send(caption_input(seed, 2), Budget(variant=variant))[1])
        for seed, variant in enumerate(("slim", "d2", "slim", "d2"))
    ]
    watched.gate.set()
    for variant, seed, future in sent:
        composed = caption_alone(mixed, caption_input(seed, 2), variant, idle(mixed))[0]
        assert future.result(20).text == composed.text
    calls = {seen.stage: seen.ids for seen in watched.steps if len(seen.ids) == 4}
    assert {"stem[decode]", "block_decode[0]", "head[caption]"} < set(calls)
    assert "whole_decode[caption:slim]" in calls
    watched.close()


def test_only_keys_and_values_that_were_written_take_memory(fresh_wholes: WatchedEngine) -> None:
    stores = inside.stores(fresh_wholes.pool)
    assert not stores
    for variant in ("d2", "full", "p1011"):
        fresh_wholes.send(caption_input(1), Budget(variant=variant))[1].result(20)
    sizes = {(name[2:], *size) for name, *size in stores}
    assert sizes == {
        *(("0", 4, 1), ("1", 2, 2)),  # d2
        *(("0", 2, 2), ("2", 2, 2), ("3", 2, 2)),  # full, and d2's order 1
        *(("0", 1, 4), ("3", 4, 1)),  # p1011, and full's order 2
    }


def test_a_slot_is_used_by_one_variant_after_another(gallery: Artifact) -> None:
    """Whatever the one before left in the stores they share."""
    watched = WatchedEngine(gallery, max_batch=1, caption_slots=1)
    for seed, variant in enumerate([*VARIANTS, *reversed(VARIANTS)]):
        answer = watched.send(caption_input(seed), Budget(variant=variant))[1].result(20)
        words = WholeCaptioner(variant, picture(seed)).text(1, 6)
        assert answer.text == gallery.text_codec().decode(words)
        settle(watched)
    watched.close()
