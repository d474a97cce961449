"""Scores of a checkpoint's variants, every task of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from artifact.pattern import SkipPattern
from artifact.task import TaskName
from tuning.evaluation import Evaluation
from tuning.tasks import tuned_task
from tuning.tasks.contract import TaskScore


@dataclass(frozen=True)
class VariantScore:
    """How well one variant does.

    Attributes:
        pattern: executed orders.
        tasks: the score of each of the model's tasks.
    """

    pattern: SkipPattern
    tasks: Mapping[TaskName, TaskScore]


def ladder(orders: int) -> list[SkipPattern]:
    """Return the prefixes of the whole stack, shortest first; the last executes every order."""
    full = SkipPattern.full(orders)
    return [full.prefix(depth) for depth in range(1, orders + 1)]


def score(
    evaluation: Evaluation,
    pattern: SkipPattern,
    on_progress: Callable[[float], None] | None = None,
) -> VariantScore:
    """Measure one variant.

    Args:
        evaluation: the checkpoint and its data.
        pattern: executed orders.
        on_progress: called with the share done.

    Raises:
        TextError: a text of the data is longer than the model reads.
        ValueError: tuning does not know a task of the model.
    """
    tasks = evaluation.model.config.tasks
    report = on_progress or (lambda share: None)
    found: dict[TaskName, TaskScore] = {}
    for done, task in enumerate(tasks):

        def part(share: float, done: int = done) -> None:
            report((done + share) / len(tasks))

        found[task] = tuned_task(task).score(evaluation, pattern, part)
    return VariantScore(pattern, found)
