"""Plain fine-tuning of one depth: the baseline that the paper's costs are shares of."""

from __future__ import annotations

import random
from dataclasses import dataclass

from torch import nn

from artifact.config import ModelConfig
from models.once_tuning.merge import Merge, elementwise_mean
from models.series import OtmvModel


@dataclass(frozen=True)
class FullTuning:
    """The model in the shape it has, the same orders in every step; see `TuningMethod`.

    Attributes:
        depth: orders that are executed; None: all.
    """

    depth: int | None = None
    name: str = "full"
    leaves_checkpoint: bool = True
    merge: Merge = elementwise_mean

    def shaped(self, config: ModelConfig) -> ModelConfig:
        """Return the same config; see `TuningMethod`."""
        if self.depth is not None and self.depth > config.orders:
            raise ValueError(f"method.depth is {self.depth}: the model has {config.orders} orders")
        return config

    def prepare(self, model: OtmvModel) -> None:
        """Add nothing; see `TuningMethod`."""

    def executed(self, rng: random.Random, step: int, orders: int) -> tuple[int, ...]:
        """Return the first orders; see `TuningMethod`."""
        return tuple(range(self.depth or orders))

    def frozen(self, model: OtmvModel) -> list[nn.Parameter]:
        """Return the coefficients, which plain fine-tuning does not have; see `TuningMethod`."""
        return [weight for name, weight in model.named_parameters() if name.endswith("coefficient")]
