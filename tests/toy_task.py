"""A task that exists in tests alone, added through the documented places and nothing else.

It asks how full a picture is. A label is right by the number of objects: one is small, two or
three are medium, four or five are large.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from torch import Tensor, nn

from artifact.config import ModelConfig
from artifact.pattern import SkipPattern
from artifact.stage import StageName
from artifact.task import TASKS, Case, Measure, Task, one_pass
from exporters.examples import Example
from exporters.tasks import EXPORTED_TASKS
from exporters.tasks.one_pass import ExportedOnePass
from models.tasks import HEADS
from models.tasks.head import Head
from tuning.evaluation import Evaluation
from tuning.pool import PicturePool
from tuning.tasks import TUNED_TASKS
from tuning.tasks.contract import BatchLoss, TaskScore, TunedTask, TuningStep
from tuning.tasks.labels import LabelBatch, label_answers, label_batch, label_loss, mean_score
from tuning.tokens import BOS, EOS, world_tokenizer

PROMPT = "how many objects are there?"
_MOST_OBJECTS = (1, 3)  # of small, and of medium


def size_label(objects: int) -> str:
    """Return the right label of a picture with that many objects."""
    assert SIZE.labels is not None
    return SIZE.labels[int(np.searchsorted(_MOST_OBJECTS, objects))]


def _share_right(given: Sequence[str], cases: Sequence[Case]) -> float:
    right = [label in case.answers for label, case in zip(given, cases, strict=True)]
    return float(np.mean(right))


SIZE = Task(
    name="size",
    pictures=1,
    text="prompt",
    rows=1,
    passes=one_pass(StageName.head("size")),
    reads=("image", "text"),
    measure=Measure("sizes right", _share_right),
    about="how full a picture is",
    labels=("small", "medium", "large"),
)


class SizeHead(Head):
    """One linear over both read-out tokens, `[batch, 2, width]` to `[batch, 3]`."""

    released: ClassVar = {}

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.norm = nn.LayerNorm(2 * config.width)
        self.sizes = nn.Linear(2 * config.width, 3)

    def forward(self, y: Tensor) -> Tensor:
        logits: Tensor = self.sizes(self.norm(y.flatten(1)))
        return logits


def size_batch(pool: PicturePool, seed: int, step: int, size: int) -> LabelBatch:
    """Draw `size` pictures; a caption says "a" once for every object."""
    tokenizer = world_tokenizer()
    special = [tokenizer.token_to_id(token) for token in (BOS, EOS)]
    prompt = np.array([special[0], *tokenizer.encode(PROMPT).ids, special[1]])
    picture = np.random.default_rng([seed, step, 3]).integers(len(pool.pixels), size=size)
    objects = (pool.captions[picture] == tokenizer.token_to_id("a")).sum(1)
    labels = np.searchsorted(_MOST_OBJECTS, objects)
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


EXPORTED_SIZE = ExportedOnePass(SIZE)


def size_example(image: bytes, objects: int) -> Example:
    """Return a labelled request for export: `image` is the encoded picture."""
    return Example(image, SIZE.name, question=PROMPT, answers=(size_label(objects),))


def add_size_task(patch: pytest.MonkeyPatch) -> None:
    """Add the task to every registry of the offline half until `patch` is undone."""
    patch.setitem(TASKS, SIZE.name, SIZE)
    patch.setitem(HEADS, SIZE.name, SizeHead)
    patch.setitem(TUNED_TASKS, SIZE.name, TUNED_SIZE)
    patch.setitem(EXPORTED_TASKS, SIZE.name, EXPORTED_SIZE)
