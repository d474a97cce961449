"""Questions and statements for whole variants, and a check against the composed ones."""

from __future__ import annotations

from concurrent.futures import Future

from artifact.task import TaskName
from engine.tasks.reason import ReasonInput
from engine.tasks.vqa import VqaInput
from engine.types import Answer, Budget, Input
from tests.engine.answers.model_answers import QUESTIONS, distance
from tests.engine.artifacts.tiny_model import TRIO_MODEL, Array, picture, picture_pair
from tests.engine.pools.watched_engine import WatchedEngine

WORDS = sorted(QUESTIONS)
TASKS: list[TaskName] = ["vqa", "reason"]
Sent = tuple[int, Future[Answer]]


def ask(
    watched: WatchedEngine,
    task: TaskName,
    seed: int,
    words: str = WORDS[0],
    variant: str | None = None,
) -> Sent:
    made: Input = VqaInput(picture(seed), words, top_k=6)
    if task == "reason":
        made = ReasonInput(picture_pair(seed), words)
    request, future = watched.send(made, Budget(variant=variant))
    return request.id, future


def composed(watched: WatchedEngine, task: TaskName, variant: str, seed: int, words: str) -> Array:
    pattern = watched.pool.artifact.manifest.pattern(variant)
    if task == "reason":
        return TRIO_MODEL.reason(pattern, picture_pair(seed), QUESTIONS[words])
    return TRIO_MODEL.vqa(pattern, picture(seed), QUESTIONS[words])


def check(
    watched: WatchedEngine, sent: Sent, task: TaskName, seed: int, words: str = WORDS[0]
) -> None:
    answer = sent[1].result(20)
    wanted = composed(watched, task, answer.variant, seed, words)
    assert distance(watched.logits[sent[0]], wanted) <= 1e-5
    assert answer.executed == watched.pool.artifact.manifest.pattern(answer.variant).executed
