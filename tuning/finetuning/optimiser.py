"""AdamW as a recipe says: layer-wise decay, rates of heads and patches, warm-up and schedule."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from artifact.config import ModelConfig
from models.series import OtmvModel
from tuning.recipes.sets import Optimiser

_KEY = re.compile(r"keys\.(\d+)\.")
_MATRIX_DIMS = 2
_ADAPTER = "adapter."
_ADAPTER_MATRICES = ("_down", "_up", ".down.weight", ".up.weight")


@dataclass(frozen=True)
class Schedule:
    """The learning rate of every step.

    Attributes:
        optimiser: the recipe's numbers.
        steps: of the whole run.
        warmup: steps of linear warm-up.
    """

    optimiser: Optimiser
    steps: int
    warmup: int

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, from 0."""
        peak, floor = self.optimiser.learning_rate, self.optimiser.floor
        if step < self.warmup:
            return peak * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        match self.optimiser.schedule:
            case "constant":
                left = 1.0
            case "linear":
                left = 1 - done
            case "cosine":
                left = 0.5 * (1 + math.cos(math.pi * done))
        return floor + (peak - floor) * left


def make_optimiser(
    model: OtmvModel, said: Optimiser, frozen: Collection[nn.Parameter] = ()
) -> torch.optim.AdamW:
    """Return AdamW over a model's weights; each group has `rate`, its share of the learning rate.

    Args:
        model: what is tuned.
        said: the recipe's numbers.
        frozen: weights that stay as they are.
    """
    still = {id(weight) for weight in frozen}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        if id(weight) in still:
            weight.requires_grad_(False)
            continue
        decay = said.weight_decay if _decays(name, weight) else 0.0
        groups.setdefault((_share(name, said, model.config), decay), []).append(weight)
    made: list[Mapping[str, Any]] = [
        {"params": weights, "rate": rate, "weight_decay": decay}
        for (rate, decay), weights in groups.items()
    ]
    return torch.optim.AdamW(
        [dict(group) for group in made],
        lr=said.learning_rate,
        betas=said.betas,
        eps=said.epsilon,
        fused=True,
    )


def _decays(name: str, weight: nn.Parameter) -> bool:
    """Matrices and the patch projection decay; tables of positions do not, as in BEiT-3."""
    if name.startswith(_ADAPTER):  # its tables have an axis of orders
        return name.endswith(_ADAPTER_MATRICES)
    matrix = weight.ndim == _MATRIX_DIMS or name == "stem.patches.weight"
    return matrix and "positions" not in name


def _share(name: str, said: Optimiser, config: ModelConfig) -> float:
    """Return a weight's share of the learning rate.

    With layer-wise decay block k of K learns `decay ** (K - k)` times as fast as the heads, the
    stem `decay ** (K + 1)`; a key that several orders share takes the mean of their places.
    """
    if name.startswith("heads."):
        return said.head_rate
    if name.startswith(_ADAPTER):
        return 1.0
    found = _KEY.match(name)
    if found:
        run = config.orders_of_key(int(found[1]))
        return float(said.layer_decay ** (config.orders - sum(run) / len(run)))
    patches = said.patch_rate if name == "stem.patches.weight" else 1.0
    return float(patches * said.layer_decay ** (config.orders + 1))
