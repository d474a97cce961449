"""Parallel adapters: a bottleneck beside a sub-layer, reading the stream before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from artifact.adapters.hooks import BOTTLENECK, Activation, Site, TableSize
from artifact.config import ModelConfig
from models.adapters.form import Form, kaiming, positive, sites_at

BESIDE = ("block.attention_beside", "block.ffn_beside")


@dataclass(frozen=True)
class Parallel(Form):
    """The PEFT study's parallel adapter, to the letter (eq. 6-8): beside both sub-layers.

    A(x) = relu(x down) up + x has a skip of its own, so x enters twice beside the block's residual.
    The study prints no biases; it gives no initialisation, so matrices begin as its serial ones.

    Attributes:
        width: of the bottleneck; 16-128, on questions up to 512.
        activation: inside.
        deviation: of what matrices begin as.
    """

    kind: ClassVar[str] = "parallel"
    width: int = 64
    activation: Activation = "relu"
    deviation: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(width=self.width)

    def sites(self, config: ModelConfig) -> tuple[Site, ...]:
        """Return both places beside a sub-layer; each carries what it reads."""
        return sites_at(BESIDE, ("down", "up"), TableSize(self.width), self.activation, carry=1.0)

    def initialise(self, site: Site, part: str, table: Tensor) -> None:
        """Draw matrices from a truncated normal."""
        nn.init.trunc_normal_(
            table, std=self.deviation, a=-2 * self.deviation, b=2 * self.deviation
        )


@dataclass(frozen=True)
class ScaledParallel(Form):
    """He et al.'s scaled parallel adapter (2022): FFN(h) + s · up(relu(down h)).

    XSum: s 4, b 512; GLUE: s 2, b 16. `down` begins as Kaiming, `up` as zero, so the base is left
    alone at the start.

    Attributes:
        width: b, of the bottleneck.
        scale: s.
        activation: inside.
        hooks: beside which sub-layers: `attention_beside`, `ffn_beside`.
    """

    kind: ClassVar[str] = "scaled_parallel"
    width: int = 512
    scale: float = 4.0
    activation: Activation = "relu"
    hooks: tuple[str, ...] = ("ffn_beside",)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "hooks", tuple(self.hooks))
        positive(width=self.width)
        if not self.hooks or not {f"block.{name}" for name in self.hooks} <= set(BESIDE):
            raise ValueError("hooks may be attention_beside and ffn_beside")

    def sites(self, config: ModelConfig) -> tuple[Site, ...]:
        """Return the places beside sub-layers."""
        hooks = tuple(f"block.{name}" for name in self.hooks)
        return sites_at(hooks, BOTTLENECK, TableSize(self.width), self.activation)

    def initialise(self, site: Site, part: str, table: Tensor) -> None:
        """Fill `down` as `nn.Linear`; all else is zero."""
        if part == "down":
            kaiming(table)

    def factor(self, site: Site, part: str, config: ModelConfig) -> Tensor | None:
        """Return s for what goes up."""
        if part not in ("up", "shift"):
            return None
        return torch.full((1,) * len(site.shape(part, config)), self.scale)
