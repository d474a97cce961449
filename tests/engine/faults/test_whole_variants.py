"""Whole variants: a question's or statement's row breaks, or a client leaves; one request ends."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from artifact.task import TaskName
from engine.errors import Cancelled, InferenceFailed
from engine.tasks.reason import ReasonInput
from engine.types import Budget
from tests.engine.answers.whole_answers import TASKS, WORDS, ask, check
from tests.engine.artifacts.tiny_model import Array, picture, picture_pair
from tests.engine.pools.request_counts import request_counts
from tests.engine.pools.watched_engine import WatchedEngine


def hit(watched: WatchedEngine, task: TaskName, seed: int, how: str) -> None:
    """Break the row of this picture (of a statement, its right one) wherever it runs."""
    aim = picture_pair(seed)[1] if task == "reason" else picture(seed)

    def place(inputs: Mapping[str, Array]) -> int | None:
        rows = inputs["pixels"][:, 1] if task == "reason" else inputs["pixels"]
        same = [np.array_equal(row, aim) for row in rows]
        return same.index(True) if True in same else None

    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        if how == "throws" and place(inputs) is not None:
            raise RuntimeError("this row")

    def after(stage: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        at = place(inputs) if how == "nan" else None
        if at is not None:
            outputs["logits"][at, 0] = np.nan

    watched.during, watched.after = during, after


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("how", ["throws", "nan"])
def test_one_row_that_breaks_fails_its_request_only(
    fresh_wholes: WatchedEngine, task: TaskName, how: str
) -> None:
    victim, ends = 2, []
    hit(fresh_wholes, task, victim, how)
    fresh_wholes.gate.clear()
    sent = [ask(fresh_wholes, task, seed, variant="slim") for seed in range(4)]
    sent[victim][1].add_done_callback(lambda _: ends.append(1))
    fresh_wholes.gate.set()
    with pytest.raises(InferenceFailed):
        sent[victim][1].result(20)
    for seed, one in enumerate(sent):
        if seed != victim:
            check(fresh_wholes, one, task, seed)
    fresh_wholes.during = lambda stage, inputs: None
    fresh_wholes.after = lambda stage, inputs, outputs: None
    check(fresh_wholes, ask(fresh_wholes, task, victim, variant="slim"), task, victim)
    assert ends == [1]
    assert request_counts(fresh_wholes.pool)["slim", "error"] == 1
    assert fresh_wholes.pool.drain(20)


def test_a_client_that_leaves_before_its_step(wholes: WatchedEngine) -> None:
    wholes.gate.clear()
    sent = [ask(wholes, "vqa", seed, variant="d2") for seed in range(2)]
    request, future = wholes.send(ReasonInput(picture_pair(0), WORDS[0]), Budget(variant="full"))
    wholes.pool.cancel(request)
    wholes.gate.set()
    with pytest.raises(Cancelled):
        future.result(20)
    for seed, one in enumerate(sent):
        check(wholes, one, "vqa", seed)
    assert all(request.id not in seen.ids for seen in wholes.steps)
