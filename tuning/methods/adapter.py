"""Tuning with few parameters: a frozen base, an adapter in it, gates drawn at every step."""

from __future__ import annotations

import random
from dataclasses import dataclass

from torch import nn

from artifact.config import ModelConfig
from models.adapters.forms import make_form
from models.adapters.hooked import attach
from models.once_tuning.gates import draw
from models.once_tuning.merge import Merge, elementwise_mean
from models.series import OtmvModel
from tuning.recipes.parts import Adapt

ADAPTER = "adapter"
"""What the module that is tuned is called in the model."""


@dataclass(frozen=True)
class AdapterTuning:
    """An adapter for all variants of a base; see `TuningMethod`.

    Attributes:
        said: the recipe's numbers.
    """

    said: Adapt
    name: str = "adapter"
    leaves_checkpoint: bool = False
    merge: Merge = elementwise_mean

    def shaped(self, config: ModelConfig) -> ModelConfig:
        """Return the same config; see `TuningMethod`."""
        return config

    def prepare(self, model: OtmvModel) -> None:
        """Put a fresh adapter into the model; see `TuningMethod`."""
        module = make_form(self.said.form, self.said.settings).module(model)
        model.add_module(ADAPTER, module)
        attach(model, module)

    def executed(self, rng: random.Random, step: int, orders: int) -> tuple[int, ...]:
        """Draw the gates of a step; see `TuningMethod`."""
        risen = min(1.0, (step + 1) / self.said.rise_steps) if self.said.rise_steps else 1.0
        return draw(rng, orders, risen * self.said.skip_probability, self.said.prefix_share)

    def frozen(self, model: OtmvModel) -> list[nn.Parameter]:
        """Return the base's weights, but for heads if these are tuned; see `TuningMethod`."""
        tuned = (f"{ADAPTER}.", "heads.") if self.said.heads else (f"{ADAPTER}.",)
        named = model.named_parameters()
        return [weight for name, weight in named if not name.startswith(tuned)]
