"""3. Tuning: the batch of a step with its loss, and the score of a variant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from artifact.pattern import SkipPattern
from tests.toy_task.task import MOST_OBJECTS, PROMPT, SIZE, size_label
from tuning.evaluation import Evaluation
from tuning.pool import PicturePool
from tuning.tasks.contract import BatchLoss, TaskScore, TunedTask, TuningStep
from tuning.tasks.labels import LabelBatch, label_answers, label_batch, label_loss, mean_score
from tuning.tokens import BOS, EOS, world_tokenizer


def size_batch(pool: PicturePool, seed: int, step: int, size: int) -> LabelBatch:
    """Draw `size` pictures; a caption says "a" once for every object."""
    tokenizer = world_tokenizer()
    special = [tokenizer.token_to_id(token) for token in (BOS, EOS)]
    prompt = np.array([special[0], *tokenizer.encode(PROMPT).ids, special[1]])
    picture = np.random.default_rng([seed, step, 3]).integers(len(pool.pixels), size=size)
    objects = (pool.captions[picture] == tokenizer.token_to_id("a")).sum(1)
    labels = np.searchsorted(MOST_OBJECTS, objects)
    return label_batch(pool.pixels[picture], np.tile(prompt, (size, 1)), labels)


@dataclass(frozen=True)
class Prompted:
    """What is asked about one picture of the data."""

    picture: int
    text: str
    label: str


def _loss(step: TuningStep) -> BatchLoss:
    recipe = step.recipe
    size = recipe.batch_sizes[SIZE.name]
    return label_loss(SIZE, step, size_batch(step.pool, recipe.seed, step.number, size))


def _score(
    evaluation: Evaluation, pattern: SkipPattern, report: Callable[[float], None]
) -> TaskScore:
    prompted = [
        Prompted(place, PROMPT, size_label(len(objects)))
        for place, objects in enumerate(evaluation.data.objects)
    ]
    answers = label_answers(
        SIZE, evaluation, pattern, prompted, lambda each: [each.picture], report
    )
    return mean_score((each.label, float(label == each.label)) for each, label in answers)


TUNED_SIZE = TunedTask("sizes right", _loss, _score)
