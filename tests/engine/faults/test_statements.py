"""One of a statement's two rows breaks: its request ends, once, and no other does."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future

import numpy as np
import pytest

from artifact.pattern import SkipPattern
from artifact.store import Artifact
from engine.errors import InferenceFailed
from engine.tasks.reason import ReasonInput
from engine.types import Answer, Budget
from tests.engine.answers.model_answers import QUESTIONS, check_alone, distance, question
from tests.engine.artifacts.tiny_model import TRIO_MODEL, Array, picture_pair
from tests.engine.pools import inside
from tests.engine.pools.request_counts import request_counts
from tests.engine.pools.watched_engine import WatchedEngine

WORDS = "what colour"
TOKENS = QUESTIONS[WORDS]
FULL = SkipPattern.full(TRIO_MODEL.config.orders)
STAGES = ["stem[vqa]", "block[0]", "block[1]", "head[reason]"]
VICTIM = 2


def states(stage: str) -> list[Array]:
    """What the victim's right row brings to a stage, at each of its orders."""
    right = picture_pair(VICTIM)[1]
    if stage == "stem[vqa]":
        return [right]
    if stage == "head[reason]":
        return [
            np.stack([TRIO_MODEL.read_out(FULL, each, TOKENS)[0] for each in picture_pair(VICTIM)])
        ]
    ids = np.array([TOKENS], np.int64)
    h = TRIO_MODEL.run("stem[vqa]", {"pixels": right[None], "tokens": ids})["h"]
    found = []
    for order in FULL.executed:
        block = f"block[{TRIO_MODEL.config.key_of_order[order]}]"
        found += [h[0]] if stage == block else []
        inputs = {"h": h, "order": np.array([TRIO_MODEL.config.order_in_key(order)])}
        inputs["mask"] = np.ones(h.shape[:2], bool)
        h = TRIO_MODEL.run(block, inputs)["h_out"]
    return found


def place_of(aims: list[Array], given: Array) -> int | None:
    """Return the place in a batch of a row that is at one of these states."""
    for place, row in enumerate(given):
        for aim in aims:
            if row.shape[1:] == aim.shape[1:] and np.allclose(row[: len(aim)], aim, atol=1e-5):
                return place
    return None


def hit(watched: WatchedEngine, stage: str, how: str) -> None:
    aims = states(stage)
    name = {"stem": "pixels", "head": "y"}.get(stage.partition("[")[0], "h")

    def during(called: str, inputs: Mapping[str, Array]) -> None:
        if called == stage and how == "throws" and place_of(aims, inputs[name]) is not None:
            raise RuntimeError("this row")

    def after(called: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        place = place_of(aims, inputs[name]) if called == stage and how == "nan" else None
        if place is not None:
            for array in outputs.values():
                array[place] = np.nan

    watched.during, watched.after = during, after


def judge(watched: WatchedEngine, seed: int) -> tuple[int, Future[Answer]]:
    request, future = watched.send(ReasonInput(picture_pair(seed), WORDS), Budget(variant="full"))
    return request.id, future


def check(watched: WatchedEngine, sent: tuple[int, Future[Answer]], seed: int) -> None:
    assert sent[1].result(20).variant == "full"
    logits = TRIO_MODEL.reason(FULL, picture_pair(seed), TOKENS)
    assert distance(watched.logits[sent[0]], logits) <= 1e-5


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("how", ["throws", "nan"])
def test_one_of_two_rows_fails_its_request_once(
    watched: WatchedEngine, trio: Artifact, stage: str, how: str
) -> None:
    """The right picture is hit in every call; the rows beside it are not."""
    ends: list[int] = []
    hit(watched, stage, how)
    watched.gate.clear()
    asked = [watched.send(question(seed), Budget(variant="full"))[1] for seed in range(3)]
    sent = [judge(watched, seed) for seed in range(5)]
    sent[VICTIM][1].add_done_callback(lambda _: ends.append(1))
    watched.gate.set()
    with pytest.raises(InferenceFailed):
        sent[VICTIM][1].result(20)
    for seed, one in enumerate(sent):
        if seed != VICTIM:
            check(watched, one, seed)
    for seed, future in enumerate(asked):
        check_alone(trio, TRIO_MODEL, future.result(20), seed, WORDS)
    watched.during = lambda name, inputs: None
    watched.after = lambda name, inputs, outputs: None
    check(watched, judge(watched, VICTIM), VICTIM)
    assert ends == [1]
    assert request_counts(watched.pool)["full", "error"] == 1
    assert watched.pool.drain(20)
    assert not inside.has_seated_rows(watched.pool)


@pytest.mark.parametrize("stage", STAGES)
def test_a_call_that_throws_once_changes_no_answer(watched: WatchedEngine, stage: str) -> None:
    thrown: list[int] = []

    def during(called: str, inputs: Mapping[str, Array]) -> None:
        if called == stage and not thrown and len(next(iter(inputs.values()))) > 1:
            thrown.append(1)
            raise MemoryError("a hiccup")

    watched.during = during
    watched.gate.clear()
    sent = [judge(watched, seed) for seed in range(4)]
    watched.gate.set()
    for seed, one in enumerate(sent):
        check(watched, one, seed)
    assert thrown
