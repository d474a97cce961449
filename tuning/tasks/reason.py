"""Tuning on statements about two pictures, and the share judged right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from artifact.pattern import SkipPattern
from artifact.scoring.measures import TRUTHS
from artifact.task import REASON
from tuning.evaluation import Evaluation
from tuning.pool import PicturePool
from tuning.tasks.contract import BatchLoss, TaskScore, TunedTask, TuningStep
from tuning.tasks.labels import LabelBatch, label_answers, label_batch, label_loss, mean_score

_STREAM = 2
"""Sets the draws of this task's batches apart from those of other tasks."""


def reason_batch(pool: PicturePool, seed: int, step: int, size: int) -> LabelBatch:
    """Draw `size` statements, each with its left and its right picture."""
    rng = np.random.default_rng([seed, step, _STREAM])
    left = rng.integers(len(pool.statements), size=size)
    statement = rng.integers(pool.truths.shape[1], size=size)
    return label_batch(
        pool.pixels[np.stack([left, left + 1], axis=1)],
        pool.statements[left, statement],
        pool.truths[left, statement],
    )


def _loss(step: TuningStep) -> BatchLoss:
    recipe = step.recipe
    size = recipe.batch_sizes[REASON.name]
    return label_loss(REASON, step, reason_batch(step.pool, recipe.seed, step.number, size))


def _score(
    evaluation: Evaluation, pattern: SkipPattern, report: Callable[[float], None]
) -> TaskScore:
    """Return the share of statements judged right."""
    statements = evaluation.data.statements
    answers = label_answers(
        REASON, evaluation, pattern, statements, lambda said: [said.left, said.right], report
    )
    return mean_score((said.kind, float(answer == TRUTHS[said.truth])) for said, answer in answers)


TUNED_REASON = TunedTask("statement accuracy", _loss, _score)
