"""Captions whose client leaves, whose numbers break, or whose stage throws, at every call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from artifact.store import Artifact
from engine.errors import Cancelled, InferenceFailed
from engine.types import Budget
from tests.engine.artifacts.tiny_model import Array
from tests.engine.faults.captions_together import SECOND_WORD, VICTIM, Choir
from tests.engine.pools.caption_logits import alone, free_slots, in_pool, settled
from tests.engine.test_pool import requests

CALLS = range(6)
"""Of a round: the stem, four orders, the head."""


@pytest.fixture(params=[1, 3])
def choir(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Choir]:
    made = Choir(tiny, monkeypatch, request.param)
    yield made
    made.watched.close()


@pytest.mark.parametrize("call", CALLS)
def test_a_client_that_leaves_between_two_words(choir: Choir, call: int) -> None:
    left_at: list[int] = []

    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        if not left_at and choir.slots() and choir.at() == call:
            choir.pool.cancel(choir.victim[0])
            left_at.append(len(choir.watched.steps))

    choir.watched.during = during
    choir.sing()
    with pytest.raises(Cancelled):
        choir.victim[1].result(20)
    choir.check_others()
    steps, gone = choir.watched.steps, choir.victim[0].id
    assert all(gone not in seen.ids for seen in steps[left_at[0] :])
    assert len(choir.pieces) <= SECOND_WORD + 1
    assert requests(choir.pool)["full", "cancelled"] == 1


@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize("names", [("h_out", "r"), ("r",), ("k_new",), ("v_new",)])
def test_a_word_that_is_not_finite(choir: Choir, order: int, names: tuple[str, ...]) -> None:
    """In one beam of the victim's; what it keeps for the next word shows with that word."""
    hit: list[int] = []

    def after(stage: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        if not hit and choir.touches(stage, inputs) and choir.at() == 1 + order:
            hit.append(len(inputs["h"]))
            for name in names:
                outputs[name][choir.slots()[-1]] = np.nan

    choir.watched.after = after
    choir.sing()
    error = choir.victim[1].exception(20)
    if names[0] in ("h_out", "r") or error is not None:
        assert isinstance(error, InferenceFailed)
    else:  # the beam that kept it was given up at that very word
        answer, _ = alone(choir.artifact, choir.made[VICTIM], "full")
        assert choir.made[VICTIM].num_beams > 1
        assert choir.victim[1].result(0).text == answer.text
    assert hit[0] > 1
    choir.check_others()


@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize("names", [("h_out", "k", "v"), ("k",), ("v",)])
def test_a_picture_that_is_not_finite(choir: Choir, order: int, names: tuple[str, ...]) -> None:
    hit: list[int] = []

    def after(stage: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        seen = choir.watched.steps[-1]
        if len(choir.sent) < len(choir.made) or choir.victim[0].id not in seen.ids:
            return
        place = seen.ids.index(choir.victim[0].id)
        if stage.startswith("block_image") and seen.orders[place] == order:
            hit.append(len(seen.ids))
            for name in names:
                outputs[name][place] = np.nan

    choir.watched.after = after
    choir.sing()
    with pytest.raises(InferenceFailed, match="finite"):
        choir.victim[1].result(20)
    assert len(hit) == 1
    assert hit[0] > 1
    choir.check_others()


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_throws_for_one_row(choir: Choir, call: int) -> None:
    sizes: list[int] = []

    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        if choir.touches(stage, inputs) and choir.at() == call:
            sizes.append(len(next(iter(inputs.values()))))
            raise RuntimeError("this row")

    choir.watched.during = during
    choir.sing()
    with pytest.raises(InferenceFailed, match="this row"):
        choir.victim[1].result(20)
    assert sizes[0] > 1
    assert sizes[1:] == [1]
    choir.watched.during = lambda stage, inputs: None
    choir.check_others()
    assert requests(choir.pool)["full", "error"] == 1


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_call_that_throws_once_harms_nobody(choir: Choir, call: int, when: str) -> None:
    """Also where it threw with everything computed and written."""
    thrown: list[str] = []

    def throw(stage: str, inputs: Mapping[str, Array]) -> None:
        if not thrown and choir.touches(stage, inputs) and choir.at() == call:
            thrown.append(stage)
            raise MemoryError("a hiccup")

    if when == "before":
        choir.watched.during = throw
    else:
        choir.watched.after = lambda stage, inputs, outputs: throw(stage, inputs)
    choir.sing()
    answer, logits = alone(choir.artifact, choir.made[VICTIM], "full")
    assert choir.victim[1].result(20).text == answer.text
    assert choir.heard[choir.victim[0].id] == logits
    assert thrown
    choir.check_others()


@pytest.mark.parametrize("stage", ["stem[decode]", "block_decode[1]", "head[caption]"])
def test_a_stage_that_is_down_fails_everybody_once_and_comes_back(choir: Choir, stage: str) -> None:
    def during(name: str, inputs: Mapping[str, Array]) -> None:
        if name == stage:
            raise RuntimeError("down")

    choir.watched.during = during
    choir.sing()
    for _, future in choir.sent:
        assert isinstance(future.exception(20), InferenceFailed)
    choir.watched.during = lambda stage, inputs: None
    settled(choir.watched)
    assert (free_slots(choir.watched), in_pool(choir.watched)) == (40, 0)
    assert requests(choir.pool)["full", "error"] == len(choir.made)
    made = choir.made[VICTIM]
    answer, _ = alone(choir.artifact, made, "full")
    assert choir.watched.send(made, Budget(variant="full"))[1].result(20).text == answer.text
