"""Tuning on statements about two pictures, and the share judged right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from artifact.pattern import SkipPattern
from artifact.scoring.measures import TRUTHS
from artifact.task import REASON
from models.series import OtmvModel
from tuning.data.example import DataExample
from tuning.evaluation import Evaluation
from tuning.pool import PicturePool
from tuning.tasks.contract import BatchLoss, TaskScore, TunedTask, TuningStep
from tuning.tasks.labels import LabelBatch, label_answers, label_batch, label_loss, mean_score
from tuning.tasks.on_sets import Asking, Labelled, SetBatch, TunedOnSets, mean, texts_of

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


def _labelled(asking: Asking, examples: Sequence[DataExample]) -> Labelled:
    truths = torch.tensor([TRUTHS.index(each.answers[0]) for each in examples])
    return asking.words.padded(texts_of(examples)), truths, torch.ones(len(examples))


def _set_loss(
    model: OtmvModel, asking: Asking, batch: SetBatch, executed: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Return the cross entropy, summed over statements."""
    mask = batch.tokens != asking.words.pad
    logits = model.answer(REASON, batch.pixels, batch.tokens, mask, executed).float()
    loss = nn.functional.cross_entropy(
        logits, batch.targets, reduction="sum", label_smoothing=asking.smoothing
    )
    return loss, (logits.argmax(-1) == batch.targets).sum().float()


def _set_score(examples: Sequence[DataExample], answers: Sequence[str]) -> float:
    pairs = zip(answers, examples, strict=True)
    return mean([float(answer in each.answers) for answer, each in pairs])


TUNED_REASON = TunedTask(
    "statement accuracy",
    _loss,
    _score,
    TunedOnSets(_labelled, _set_loss, "accuracy", _set_score),
)
