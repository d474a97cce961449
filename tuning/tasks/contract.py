"""What tuning asks of every task: the loss of a step, and the score of a variant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from artifact.pattern import SkipPattern
from models.series import OtmvModel
from tuning.evaluation import Evaluation
from tuning.pool import PicturePool
from tuning.recipe import Recipe
from tuning.tasks.on_sets import TunedOnSets


@dataclass(frozen=True)
class TuningStep:
    """One task's part of a tuning step.

    Attributes:
        recipe: of the run.
        pool: what the run tunes on.
        model: in training mode, on `device`.
        number: of the step, from 0. A batch follows from the recipe's seed and this number alone,
            so that a resumed run sees the same ones.
        device: where to compute.
        executed: the orders whose gates are open for this task.
    """

    recipe: Recipe
    pool: PicturePool
    model: OtmvModel
    number: int
    device: torch.device
    executed: tuple[int, ...]


@dataclass(frozen=True)
class BatchLoss:
    """What came of one batch.

    Attributes:
        loss: fp32 scalar in nats, ready to be differentiated.
        right: share of the batch that was answered right; None where the task writes.
    """

    loss: Tensor
    right: float | None


@dataclass(frozen=True)
class TaskScore:
    """How well a variant does a task.

    Attributes:
        quality: 0 to 1; None if the data asks nothing of the kind.
        kinds: the same for each kind of text; empty if the data knows no kinds.
    """

    quality: float | None
    kinds: Mapping[str, float]


@dataclass(frozen=True)
class TunedTask:
    """What tuning does for one task.

    Attributes:
        heading: what its scores are called in tables.
        loss: draws the batch of a step and runs the model on it, in bf16 autocast.
        score: measures a variant on all data; reports the share done as it goes.
        on_sets: the same on data sets; None: it is tuned on the generated world only.
    """

    heading: str
    loss: Callable[[TuningStep], BatchLoss]
    score: Callable[[Evaluation, SkipPattern, Callable[[float], None]], TaskScore]
    on_sets: TunedOnSets | None = None
