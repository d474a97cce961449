"""Faults that hit one of several captions, and what must hold then, whatever its variant."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from engine.errors import Cancelled, InferenceFailed
from tests.engine.artifacts.tiny_model import Array
from tests.engine.faults.captions_together import SECOND_WORD, VICTIM, CaptionsTogether
from tests.engine.pools.caption_logits import same_logits
from tests.engine.pools.request_counts import request_counts

Moment = Callable[[str, Mapping[str, Array]], bool]
"""Tells whether the fault is due, from a call's stage and inputs."""


def check_client_leaves(captions: CaptionsTogether, due: Moment) -> None:
    """The victim's client leaves: it is in no later call, and the others are as they are alone."""
    left_at: list[int] = []

    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        if not left_at and due(stage, inputs):
            captions.pool.cancel(captions.victim[0])
            left_at.append(len(captions.watched.steps))

    captions.watched.during = during
    captions.send_all()
    with pytest.raises(Cancelled):
        captions.victim[1].result(20)
    captions.check_others()
    steps, gone = captions.watched.steps, captions.victim[0].id
    assert all(gone not in seen.ids for seen in steps[left_at[0] :])
    assert len(captions.pieces) <= SECOND_WORD + 1
    assert request_counts(captions.pool)[captions.variants[VICTIM], "cancelled"] == 1


def check_call_throws_for_victim(captions: CaptionsTogether, due: Moment) -> None:
    """Every call with the victim's row throws: it is tried alone, and it alone fails."""
    sizes: list[int] = []

    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        if due(stage, inputs):
            sizes.append(len(next(iter(inputs.values()))))
            raise RuntimeError("this row")

    captions.watched.during = during
    captions.send_all()
    with pytest.raises(InferenceFailed, match="this row"):
        captions.victim[1].result(20)
    assert sizes[0] > 1
    assert sizes[1:] == [1]
    captions.watched.during = lambda stage, inputs: None
    captions.check_others()
    assert request_counts(captions.pool)[captions.variants[VICTIM], "error"] == 1


def check_call_throws_once(captions: CaptionsTogether, due: Moment, when: str) -> None:
    """One call throws, before it ran or after: every caption is as it is alone."""
    thrown: list[str] = []

    def throw(stage: str, inputs: Mapping[str, Array]) -> None:
        if not thrown and due(stage, inputs):
            thrown.append(stage)
            raise MemoryError("a hiccup")

    if when == "before":
        captions.watched.during = throw
    else:
        captions.watched.after = lambda stage, inputs, outputs: throw(stage, inputs)
    captions.send_all()
    answer, logits = captions.by_itself(VICTIM)
    assert captions.victim[1].result(20).text == answer.text
    assert same_logits(captions.recorded[captions.victim[0].id], logits, captions.limit)
    assert thrown
    captions.check_others()
