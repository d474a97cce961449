"""Tuning on questions about a picture, and their accuracy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from artifact.pattern import SkipPattern
from artifact.scoring.answers import vqa_accuracy
from artifact.task import VQA
from tuning.evaluation import Evaluation
from tuning.pool import PicturePool
from tuning.tasks.contract import BatchLoss, TaskScore, TunedTask, TuningStep
from tuning.tasks.labels import LabelBatch, label_answers, label_batch, label_loss, mean_score

_STREAM = 0
"""Sets the draws of this task's batches apart from those of other tasks."""


def vqa_batch(
    pool: PicturePool, seed: int, step: int, size: int, kind_shares: Sequence[float] | None = None
) -> LabelBatch:
    """Draw `size` questions, each kind with its share."""
    rng = np.random.default_rng([seed, step, _STREAM])
    if kind_shares is None:
        picture = rng.integers(len(pool.pixels), size=size)
        question = rng.integers(pool.answers.shape[1], size=size)
    else:
        shares = [
            share * bool(len(found)) for share, found in zip(kind_shares, pool.of_kind, strict=True)
        ]
        kinds = rng.choice(len(shares), size=size, p=np.array(shares) / sum(shares))
        flat = np.array([rng.choice(pool.of_kind[kind]) for kind in kinds])
        picture, question = np.divmod(flat, pool.answers.shape[1])
    return label_batch(
        pool.pixels[picture], pool.questions[picture, question], pool.answers[picture, question]
    )


def _loss(step: TuningStep) -> BatchLoss:
    recipe = step.recipe
    shares, size = recipe.phase(step.number).kind_shares, recipe.batch_sizes[VQA.name]
    return label_loss(VQA, step, vqa_batch(step.pool, recipe.seed, step.number, size, shares))


def _score(
    evaluation: Evaluation, pattern: SkipPattern, report: Callable[[float], None]
) -> TaskScore:
    """Return the mean VQA accuracy of all questions."""
    questions = evaluation.data.questions
    answers = label_answers(
        VQA, evaluation, pattern, questions, lambda question: [question.picture], report
    )
    return mean_score(
        (question.kind, vqa_accuracy(answer, [question.answer])) for question, answer in answers
    )


TUNED_VQA = TunedTask("VQA accuracy", _loss, _score)
