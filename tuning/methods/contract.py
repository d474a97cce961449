"""What tuning asks of a method: the model's shape, the orders of a step, what stays as it is."""

from __future__ import annotations

import random
from typing import Protocol

from torch import nn

from artifact.config import ModelConfig
from models.once_tuning.merge import Merge
from models.series import OtmvModel


class TuningMethod(Protocol):
    """A way to tune a model."""

    @property
    def name(self) -> str:
        """What recipes call it."""
        ...

    @property
    def leaves_checkpoint(self) -> bool:
        """Whether a run leaves a checkpoint: not where the base stays as it is."""
        ...

    @property
    def merge(self) -> Merge:
        """How two feed-forwards become one, where the shape asks for it."""
        ...

    def shaped(self, config: ModelConfig) -> ModelConfig:
        """Return the shape that a model of that config is tuned in.

        Raises:
            ValueError: it cannot be tuned so.
        """
        ...

    def prepare(self, model: OtmvModel) -> None:
        """Add to a model what is tuned beside its own weights, if there is anything."""
        ...

    def executed(self, rng: random.Random, step: int, orders: int) -> tuple[int, ...]:
        """Draw the orders that one task's part of a step executes, ascending, beginning with 0."""
        ...

    def frozen(self, model: OtmvModel) -> list[nn.Parameter]:
        """Return the weights that stay as they are."""
        ...
