"""Statements that cannot be read are refused by the name of the field that is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from artifact.store import Artifact
from engine.errors import InvalidInput
from engine.tasks.reason import ReasonInput
from engine.tasks.vqa import VqaInput
from engine.types import Budget
from tests.engine.artifacts.tiny_model import picture, picture_pair
from tests.engine.pools.watched_engine import WatchedEngine


def pictures(count: int) -> Any:
    return tuple(picture(seed) for seed in range(count))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_statement_about_other_than_two_pictures_ends(trio: Artifact, count: int) -> None:
    watched = WatchedEngine(trio)
    request = watched.pool.admit("reason", Budget(), watched.clock.time_s)
    with pytest.raises(Exception):  # noqa: B017, PT011  whatever it is, the request has ended then
        watched.pool.submit(request, ReasonInput(pictures(count), "what"))
    drained = watched.pool.drain(0)
    watched.close()
    assert drained


def test_a_statement_the_model_cannot_read_is_refused_by_name(watched: WatchedEngine) -> None:
    bad = np.zeros((3, 3, 3), np.uint8)
    for made, field in (
        (ReasonInput(picture_pair(0), " "), "statement"),
        (ReasonInput(picture_pair(0), "what " * 50), "statement"),
        (ReasonInput((picture(0), bad), "what"), "image"),
        (ReasonInput((bad, picture(0)), "what"), "image"),
    ):
        with pytest.raises(InvalidInput, match=field):
            watched.send(made, Budget())
    request = watched.pool.admit("reason", Budget(), watched.clock.time_s)
    with pytest.raises(InvalidInput, match="task"):
        watched.pool.submit(request, VqaInput(picture(0), "what"))
    assert watched.pool.drain(1)
