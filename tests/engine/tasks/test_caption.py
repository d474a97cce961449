"""Captions that cannot be written are refused by the name of the field that is wrong."""

from __future__ import annotations

import pytest

from artifact.store import Artifact
from engine.errors import InvalidInput
from engine.tasks.caption import CaptionInput
from engine.types import Budget
from tests.engine.artifacts.tiny_model import picture
from tests.engine.pools.caption_engine import SLOTS, CaptionEngine
from tests.engine.pools.watched_engine import WatchedEngine


@pytest.mark.parametrize(
    ("field", "value"), [("num_beams", 0), ("num_beams", -1), ("num_beams", 5)]
)
def test_beams_there_cannot_be(caption_engine: CaptionEngine, field: str, value: int) -> None:
    with pytest.raises(InvalidInput, match=field) as refused:
        caption_engine.caption(value)
    assert refused.value.field == field
    with pytest.raises(InvalidInput, match=field):
        caption_engine.pool.check_caption(None, value)
    assert caption_engine.free_slots == SLOTS


@pytest.mark.parametrize("words", [0, -3])
def test_words_there_cannot_be(caption_engine: CaptionEngine, words: int) -> None:
    with pytest.raises(InvalidInput, match="max_new_tokens"):
        caption_engine.pool.check_caption(words, 1)
    with pytest.raises(InvalidInput, match="max_new_tokens"):
        caption_engine.pool.submit(caption_engine.caption(), CaptionInput(picture(2), words, 1))
    assert caption_engine.free_slots == SLOTS


def test_more_beams_than_slots_there_are_is_no_matter_of_waiting(trio: Artifact) -> None:
    watched = WatchedEngine(trio, max_batch=1, caption_slots=1)
    try:
        with pytest.raises(InvalidInput, match="num_beams"):
            watched.pool.admit("caption", Budget(), watched.clock.time_s, rows=2)
    finally:
        watched.close()
