"""Statements: two pictures seen by themselves, joined at the head, in company with questions."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from artifact.store import Artifact
from engine.errors import Cancelled
from engine.tasks.reason import ReasonInput
from engine.types import Answer, Budget
from tests.engine.answers.model_answers import QUESTIONS, check_alone, distance, question
from tests.engine.artifacts.tiny_model import TRIO_MODEL, Array, picture_pair
from tests.engine.pools import inside
from tests.engine.pools.caption_logits import caption_input
from tests.engine.pools.watched_engine import WatchedEngine

WORDS = sorted(QUESTIONS)
VARIANTS = ["full", "d3", "d2", "d1"]


def judge(
    watched: WatchedEngine, seed: int, words: str = WORDS[0], variant: str | None = None
) -> Sent:
    made = ReasonInput(picture_pair(seed), words)
    request, future = watched.send(made, Budget(variant=variant))
    return request.id, future


Sent = tuple[int, Future[Answer]]


def check(watched: WatchedEngine, sent: Sent, seed: int, words: str = WORDS[0]) -> None:
    """Both rows alone, joined: to the last digits in NumPy."""
    answer = sent[1].result(20)
    pattern = watched.pool.artifact.manifest.pattern(answer.variant)
    assert answer.executed == pattern.executed
    logits = TRIO_MODEL.reason(pattern, picture_pair(seed), QUESTIONS[words])
    assert distance(watched.logits[sent[0]], logits) <= 1e-5
    assert [label for label, _ in answer.labels] == (
        ["true", "false"] if logits[1] > logits[0] else ["false", "true"]
    )
    assert sum(score for _, score in answer.labels) == pytest.approx(1.0)
    assert answer.text is None


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("words", WORDS)
def test_a_pair_is_both_rows_joined(watched: WatchedEngine, variant: str, words: str) -> None:
    for seed in range(4):
        sent = judge(watched, seed, words, variant)
        check(watched, sent, seed, words)
        assert sent[1].result(0).variant == variant


def test_left_and_right_are_not_exchanged(watched: WatchedEngine) -> None:
    left, right = picture_pair(3)
    found = []
    for pixels in ((left, right), (right, left)):
        request, future = watched.send(ReasonInput(pixels, WORDS[0]), Budget(variant="full"))
        future.result(20)
        found.append(watched.logits[request.id])
    assert distance(*found) > 1e-3


def test_alone_is_in_company_to_the_bit(watched: WatchedEngine, trio: Artifact) -> None:
    by_itself = []
    for seed in range(6):
        request, future = judge(watched, seed, WORDS[seed % 2], VARIANTS[seed % 4])
        future.result(20)
        by_itself.append(watched.logits[request])
    watched.gate.clear()
    others = [watched.send(caption_input(seed, 2), Budget())[1] for seed in range(3)]
    sent = [judge(watched, s, WORDS[s % 2], VARIANTS[s % 4]) for s in range(6)]
    asked = [watched.send(question(seed), Budget())[1] for seed in range(6)]
    watched.gate.set()
    for seed, (request, future) in enumerate(sent):
        future.result(20)
        assert watched.logits[request].tobytes() == by_itself[seed].tobytes()
    for seed, future in enumerate(asked):
        check_alone(trio, TRIO_MODEL, future.result(20), seed, "what colour")
    for future in others:
        future.result(20)


def test_pairs_and_questions_share_stems_and_blocks(watched: WatchedEngine) -> None:
    rows: dict[str, int] = {}

    def after(stage: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        rows[stage] = max(rows.get(stage, 0), len(next(iter(inputs.values()))))

    begun = threading.Event()
    watched.after, watched.before_step = after, lambda seen: begun.set()
    watched.gate.clear()
    watched.send(question(9, WORDS[0]), Budget())
    assert begun.wait(20)  # alone, before the others come
    sent = [judge(watched, seed) for seed in range(2)]
    asked = [watched.send(question(seed, WORDS[0]), Budget())[1] for seed in range(4)]
    watched.gate.set()
    for seed, one in enumerate(sent):
        check(watched, one, seed)
    for future in asked:
        future.result(20)
    assert rows["stem[vqa]"] == 8
    assert max(rows["block[0]"], rows["block[1]"]) == 8
    assert rows["head[reason]"] == 2
    mixed = [seen for seen in watched.steps if seen.stage.startswith("block[")]
    assert any({one[0] for one in sent} & set(seen.ids) and len(seen.ids) > 3 for seen in mixed)


@pytest.mark.parametrize("max_batch", [1, 2, 3])
def test_a_small_largest_batch(trio: Artifact, max_batch: int) -> None:
    watched = WatchedEngine(trio, max_batch=max_batch)
    sizes: list[int] = []
    watched.during = lambda stage, inputs: sizes.append(len(next(iter(inputs.values()))))
    watched.gate.clear()
    sent = [judge(watched, seed) for seed in range(5)]
    asked = [watched.send(question(seed), Budget())[1] for seed in range(5)]
    watched.gate.set()
    for seed, one in enumerate(sent):
        check(watched, one, seed)
    for seed, future in enumerate(asked):
        check_alone(trio, TRIO_MODEL, future.result(20), seed, "what colour")
    assert max(sizes) <= max(max_batch, 2)
    watched.close()


def test_a_client_that_leaves_frees_both_slots(watched: WatchedEngine) -> None:
    left: list[int] = []

    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        if stage == "block[1]" and not left:
            left.append(1)
            watched.pool.cancel(admitted[0])

    watched.during = during
    watched.gate.clear()
    request, future = watched.send(ReasonInput(picture_pair(0), WORDS[0]), Budget(variant="full"))
    admitted = [request]
    others = [judge(watched, seed) for seed in range(1, 4)]
    watched.gate.set()
    with pytest.raises(Cancelled):
        future.result(20)
    for seed, one in enumerate(others, start=1):
        check(watched, one, seed)
    watched.send(question(0), Budget())[1].result(20)
    assert not inside.has_seated_rows(watched.pool)


def test_less_time_means_fewer_orders_for_both_rows(trio: Artifact) -> None:
    watched = WatchedEngine(trio)

    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        watched.clock.time_s += 0.001

    watched.during = during
    request, future = watched.send(
        ReasonInput(picture_pair(1), WORDS[0]), Budget(max_latency_ms=5.0)
    )
    answer = future.result(20)
    assert answer.variant in ("d1", "d2")
    assert (answer.deadline_met, answer.degraded) == (True, True)
    check(watched, (request.id, future), 1)
    watched.close()
