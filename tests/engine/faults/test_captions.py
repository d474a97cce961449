"""A caption's client leaves, its numbers break or its stage throws, at every call; others go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from artifact.store import Artifact
from engine.errors import InferenceFailed
from engine.types import Budget
from tests.engine.artifacts.tiny_model import Array
from tests.engine.faults.caption_faults import (
    check_call_throws_for_victim,
    check_call_throws_once,
    check_client_leaves,
)
from tests.engine.faults.captions_together import VICTIM, CaptionsTogether
from tests.engine.pools.caption_logits import caption_alone, free_slots, settle, taken_slots
from tests.engine.pools.request_counts import request_counts

CALLS = range(6)
"""Of a round: the stem, four orders, the head."""


@pytest.fixture(params=[1, 3])
def captions(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[CaptionsTogether]:
    made = CaptionsTogether(tiny, monkeypatch, request.param)
    yield made
    made.watched.close()


@pytest.mark.parametrize("call", CALLS)
def test_a_client_that_leaves_between_two_words(captions: CaptionsTogether, call: int) -> None:
    def due(stage: str, inputs: Mapping[str, Array]) -> bool:
        return bool(captions.slots()) and captions.at() == call

    check_client_leaves(captions, due)


@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize("names", [("h_out", "r"), ("r",), ("k_new",), ("v_new",)])
def test_a_word_that_is_not_finite(
    captions: CaptionsTogether, order: int, names: tuple[str, ...]
) -> None:
    """In one beam of the victim's; what it keeps for the next word shows with that word."""
    hit: list[int] = []

    def after(stage: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        if not hit and captions.touches(stage, inputs) and captions.at() == 1 + order:
            hit.append(len(inputs["h"]))
            for name in names:
                outputs[name][captions.slots()[-1]] = np.nan

    captions.watched.after = after
    captions.send_all()
    error = captions.victim[1].exception(20)
    if names[0] in ("h_out", "r") or error is not None:
        assert isinstance(error, InferenceFailed)
    else:  # the beam that kept it was given up at that same word
        answer, _ = caption_alone(captions.artifact, captions.made[VICTIM], "full")
        assert captions.made[VICTIM].num_beams > 1
        assert captions.victim[1].result(0).text == answer.text
    assert hit[0] > 1
    captions.check_others()


@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize("names", [("h_out", "k", "v"), ("k",), ("v",)])
def test_a_picture_that_is_not_finite(
    captions: CaptionsTogether, order: int, names: tuple[str, ...]
) -> None:
    hit: list[int] = []

    def after(stage: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        seen = captions.watched.steps[-1]
        if len(captions.sent) < len(captions.made) or captions.victim[0].id not in seen.ids:
            return
        place = seen.ids.index(captions.victim[0].id)
        if stage.startswith("block_image") and seen.orders[place] == order:
            hit.append(len(seen.ids))
            for name in names:
                outputs[name][place] = np.nan

    captions.watched.after = after
    captions.send_all()
    with pytest.raises(InferenceFailed, match="finite"):
        captions.victim[1].result(20)
    assert len(hit) == 1
    assert hit[0] > 1
    captions.check_others()


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_throws_for_one_row(captions: CaptionsTogether, call: int) -> None:
    def due(stage: str, inputs: Mapping[str, Array]) -> bool:
        return captions.touches(stage, inputs) and captions.at() == call

    check_call_throws_for_victim(captions, due)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_call_that_throws_once_changes_no_answer(
    captions: CaptionsTogether, call: int, when: str
) -> None:
    """Also where it threw with everything computed and written."""

    def due(stage: str, inputs: Mapping[str, Array]) -> bool:
        return captions.touches(stage, inputs) and captions.at() == call

    check_call_throws_once(captions, due, when)


@pytest.mark.parametrize("stage", ["stem[decode]", "block_decode[1]", "head[caption]"])
def test_a_stage_that_is_down_fails_every_request_once_and_comes_back(
    captions: CaptionsTogether, stage: str
) -> None:
    def during(name: str, inputs: Mapping[str, Array]) -> None:
        if name == stage:
            raise RuntimeError("down")

    captions.watched.during = during
    captions.send_all()
    for _, future in captions.sent:
        assert isinstance(future.exception(20), InferenceFailed)
    captions.watched.during = lambda stage, inputs: None
    settle(captions.watched)
    assert (free_slots(captions.watched), taken_slots(captions.watched)) == (40, 0)
    assert request_counts(captions.pool)["full", "error"] == len(captions.made)
    made = captions.made[VICTIM]
    answer, _ = caption_alone(captions.artifact, made, "full")
    assert captions.watched.send(made, Budget(variant="full"))[1].result(20).text == answer.text
