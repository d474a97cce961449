"""A caption is the same to the bit, whatever is written beside it, comes or goes."""

from __future__ import annotations

import pytest

from artifact.store import Artifact
from engine.errors import Cancelled
from engine.types import Budget
from tests.engine.artifacts.forked_artifact import write_forked
from tests.engine.artifacts.reference_captions import AloneCaptioner
from tests.engine.artifacts.tiny_model import MODEL, TRIO_MODEL, picture
from tests.engine.pools.caption_logits import (
    RowCounts,
    caption_alone,
    caption_input,
    free_slots,
    taken_slots,
)
from tests.engine.pools.random_captions import RandomCaptions
from tests.engine.pools.watched_engine import WatchedEngine

VARIANTS = ["full", "p1011", "d2", "p1010", "d1"]
"""Of the forked artifact: some leave orders out."""


@pytest.fixture(scope="module")
def forked(trio: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write_forked(trio, tmp_path_factory.mktemp("company") / "tiny")


@pytest.mark.parametrize("seed", range(12))
def test_alone_is_in_company(forked: Artifact, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = RandomCaptions(forked, seed, monkeypatch)
    traffic.run()
    assert (free_slots(traffic.watched), taken_slots(traffic.watched)) == (12, 0)
    traffic.watched.close()
    finished = 0
    for number, (made, variant, future) in traffic.sent.items():
        if isinstance(future.exception(0), Cancelled):
            continue
        finished += 1
        answer = future.result(0)
        by_itself, logits = caption_alone(forked, made, variant)
        assert (answer.variant, answer.text) == (variant, by_itself.text)
        assert traffic.recorded[number] == logits
    assert finished


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("beams", [1, 2, 3])
def test_it_is_what_each_beam_decodes_alone(forked: Artifact, variant: str, beams: int) -> None:
    """Against the NumPy twin that decodes every beam from nothing, without a pool."""
    watched = WatchedEngine(forked)
    watched.gate.clear()
    sent = [
        (seed, limit, watched.send(caption_input(seed, beams, limit), Budget(variant=variant))[1])
        for seed, limit in enumerate((None, None, None, 1, 3, 100)[: 32 // beams])
    ]
    watched.gate.set()
    pattern = forked.manifest.pattern(variant)
    for seed, limit, future in sent:
        words = AloneCaptioner(TRIO_MODEL, pattern, picture(seed)).text(beams, min(limit or 6, 6))
        assert future.result(20).text == forked.text_codec().decode(words)
    watched.close()


def test_the_reference_is_greedy_with_one_beam(tiny: Artifact) -> None:
    for variant in ("full", "d2"):
        pattern = tiny.manifest.pattern(variant)
        for seed in range(5):
            greedy = MODEL.caption(pattern, picture(seed), 6)
            assert AloneCaptioner(MODEL, pattern, picture(seed)).text(1, 6) == greedy


def test_more_beams_change_some_texts(tiny: Artifact) -> None:
    """Else the tests above would say little."""
    pattern = tiny.manifest.pattern("d2")
    texts = [AloneCaptioner(MODEL, pattern, picture(seed)) for seed in range(8)]
    assert any(one.text(1, 6) != one.text(3, 6) for one in texts)


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("variant", ["full", "d3", "d1"])
def test_the_picture_is_seen_once_however_many_beams(
    tiny: Artifact, beams: int, variant: str
) -> None:
    watched = WatchedEngine(tiny)
    rows = RowCounts(watched)
    answer = watched.send(caption_input(1, beams), Budget(variant=variant))[1].result(20)
    assert rows.rows["stem[caption]"] == 1
    assert rows.of("block_image[") == answer.executed_blocks
    assert rows.calls["stem[decode]"] == rows.calls["head[caption]"] > 0
    watched.close()


def test_pictures_of_many_captions_are_seen_once_each(tiny: Artifact) -> None:
    watched = WatchedEngine(tiny)
    rows = RowCounts(watched)
    watched.gate.clear()
    sent = [watched.send(caption_input(seed, 3), Budget(variant="full"))[1] for seed in range(9)]
    watched.gate.set()
    for future in sent:
        future.result(20)
    assert rows.rows["stem[caption]"] == 9
    assert rows.of("block_image[") == 9 * 4
    watched.close()


def test_words_of_different_captions_share_calls(tiny: Artifact) -> None:
    """Eight texts, whatever their positions; calls are as large as a bucket."""
    watched = WatchedEngine(tiny)
    rows = RowCounts(watched)
    sizes: set[int] = set()
    watched.during = lambda stage, inputs: sizes.update(
        len(array) for array in inputs.values() if stage == "stem[decode]"
    )
    watched.gate.clear()
    sent = [watched.send(caption_input(seed), Budget(variant="full"))[1] for seed in range(8)]
    watched.gate.set()
    for future in sent:
        future.result(20)
    assert rows.calls["head[caption]"] <= 2 * 7
    assert rows.rows["head[caption]"] / rows.calls["head[caption]"] > 2
    assert sizes <= {1, 2, 4, 8}
    watched.close()
