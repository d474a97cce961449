"""Tuning on questions about a picture, and their accuracy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from artifact.pattern import SkipPattern
from artifact.scoring.answers import normalize_answer, vqa_accuracy
from artifact.task import VQA
from models.series import OtmvModel
from tuning.data.example import DataExample
from tuning.evaluation import Evaluation
from tuning.pool import PicturePool
from tuning.tasks.contract import BatchLoss, TaskScore, TunedTask, TuningStep
from tuning.tasks.labels import LabelBatch, label_answers, label_batch, label_loss, mean_score
from tuning.tasks.on_sets import Asking, Labelled, SetBatch, TunedOnSets, mean, texts_of

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


SHARES = (0.0, 0.3, 0.6, 0.9, 1.0)
"""Target of an answer that 0, 1, 2, 3, or 4 and more people gave, as in BEiT-3."""


def soft_targets(asking: Asking, examples: Sequence[DataExample]) -> Tensor:
    """Return how right each answer of the list is: fp32 `[examples, answers]`, 0 to 1.

    Of several people's answers it is BEiT-3's share; an only answer is right. Answers are the same
    if their normalized forms are; those outside the list are left out.
    """
    place = {normalize_answer(label): at for at, label in enumerate(asking.labels)}
    place |= {label: at for at, label in enumerate(asking.labels)}
    targets = torch.zeros(len(examples), len(asking.labels))
    for row, each in enumerate(examples):
        found = (place.get(answer, place.get(normalize_answer(answer))) for answer in each.answers)
        for at, people in Counter(at for at in found if at is not None).items():
            targets[row, at] = SHARES[min(people, 4)] if asking.several_people else 1.0
    return targets


def _labelled(asking: Asking, examples: Sequence[DataExample]) -> Labelled:
    tokens = asking.words.padded(texts_of(examples))
    return tokens, soft_targets(asking, examples), torch.ones(len(examples))


def _set_loss(
    model: OtmvModel, asking: Asking, batch: SetBatch, executed: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Return BEiT-3's loss: binary cross entropy, summed over answers and questions."""
    mask = batch.tokens != asking.words.pad
    logits = model.answer(VQA, batch.pixels, batch.tokens, mask, executed).float()
    spread = batch.targets * (1 - asking.smoothing) + asking.smoothing * 0.5
    loss = nn.functional.binary_cross_entropy_with_logits(logits, spread, reduction="sum")
    best = batch.targets.gather(1, logits.argmax(-1, keepdim=True))
    return loss, best.sum()


def _set_score(examples: Sequence[DataExample], answers: Sequence[str]) -> float:
    pairs = zip(answers, examples, strict=True)
    return mean([vqa_accuracy(answer, each.answers) for answer, each in pairs])


TUNED_VQA = TunedTask(
    "VQA accuracy",
    _loss,
    _score,
    TunedOnSets(_labelled, _set_loss, "VQA accuracy", _set_score),
)
