"""Once-tuning: shared keys, gates drawn at every step (supplement, 1 and 3.1-3.4)."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass

from torch import nn

from artifact.config import ModelConfig
from models.once_tuning.gates import draw
from models.once_tuning.merge import Merge, elementwise_mean
from models.presets import spread_keys
from models.series import OtmvModel
from tuning.recipes.parts import Otmv


@dataclass(frozen=True)
class OtmvTuning:
    """One model tuned for all its variants; see `TuningMethod`.

    Attributes:
        said: the recipe's numbers.
        merge: makes one feed-forward of two.
    """

    said: Otmv
    merge: Merge = elementwise_mean
    name: str = "otmv"
    leaves_checkpoint: bool = True

    def shaped(self, config: ModelConfig) -> ModelConfig:
        """Return the series: shared keys, merged feed-forward; see `TuningMethod`."""
        keys = self.said.keys
        return dataclasses.replace(
            config,
            key_of_order=config.key_of_order if keys is None else spread_keys(config.orders, keys),
            merged_feed_forward=True if keys is not None else config.merged_feed_forward,
            readout="series",
            skip_probability=self.said.skip_probability,
        )

    def prepare(self, model: OtmvModel) -> None:
        """Add nothing; see `TuningMethod`."""

    def executed(self, rng: random.Random, step: int, orders: int) -> tuple[int, ...]:
        """Draw the gates of a step; see `TuningMethod`."""
        risen = min(1.0, (step + 1) / self.said.rise_steps) if self.said.rise_steps else 1.0
        return draw(rng, orders, risen * self.said.skip_probability, self.said.prefix_share)

    def frozen(self, model: OtmvModel) -> list[nn.Parameter]:
        """Return the coefficients, if the recipe says so; see `TuningMethod`."""
        if not self.said.freeze_coefficients:
            return []
        return [weight for name, weight in model.named_parameters() if name.endswith("coefficient")]
