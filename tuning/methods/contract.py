"""What tuning asks of a method: the model's shape, the orders of a step, what stays as it is."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Protocol

from torch import nn

from artifact.config import ModelConfig
from models.once_tuning.merge import Merge
from models.series import OtmvModel


class Search(Protocol):
    """A search before a tuning: its steps train what it tries, and its end fixes what is tuned."""

    @property
    def steps(self) -> int:
        """Steps of the search; those of the tuning follow, from the beginning."""
        ...

    def due(self, step: int) -> int | None:
        """Return the number of what is learnt after a step, from 0; None: nothing is."""
        ...

    def learn(self, rng: random.Random, loss_of: Callable[[Sequence[int]], float]) -> None:
        """Learn from trials.

        Args:
            rng: for what is tried.
            loss_of: returns the loss of executed orders, on one batch for all trials.
        """
        ...

    def settle(self, model: OtmvModel) -> str:
        """Fix what is tuned in the model's config; return what was found, for people."""
        ...

    def state(self) -> list[float]:
        """Return what it has learnt."""
        ...

    def restore(self, state: Sequence[float]) -> None:
        """Take up what `state` returned."""
        ...


class TuningMethod(Protocol):
    """A way to tune a model."""

    @property
    def search(self) -> Search | None:
        """What goes before the tuning; None: nothing."""
        ...

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
