"""VL-PET: a bottleneck behind each sub-layer, times a gate (Hu et al., 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from artifact.adapters.hooks import BOTTLENECK, GATE, Activation, Site, TableSize
from artifact.config import ModelConfig
from models.adapters.form import Form, norm_sites, positive, sites_at
from models.adapters.forms.serial import BEHIND

GATED = (*BOTTLENECK, *GATE)


@dataclass(frozen=True)
class VlPet(Form):
    """(x + up(act(down x))) · sigmoid(up_g(act(down_g r))), r the stream before the sub-layer.

    VL-PET-large's encoder: b 96 that goes down in 4 heads, a gate of 96, norms tuned too. Its
    decoder's part, beside the values of cross-attention, has no place in an encoder.

    Attributes:
        width: of the bottleneck.
        gate_width: of the gate's.
        heads: of the way down; they lie behind one another, so they are one matrix.
        activation: inside both.
        norms: scales and shifts of the blocks' norms are tuned too.
        deviation: of what matrices begin as.
    """

    kind: ClassVar[str] = "vl_pet"
    width: int = 96
    gate_width: int = 96
    heads: int = 4
    activation: Activation = "gelu_tanh"
    norms: bool = True
    deviation: float = 1e-2

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(width=self.width, gate_width=self.gate_width, heads=self.heads)
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a bottleneck of {self.width}")

    def sites(self, config: ModelConfig) -> tuple[Site, ...]:
        """Return both places behind a sub-layer."""
        size = TableSize(self.width, self.gate_width)
        return (*sites_at(BEHIND, GATED, size, self.activation), *norm_sites(self.norms))

    def initialise(self, site: Site, part: str, table: Tensor) -> None:
        """Draw matrices, the way down head by head; shifts, and changes of norms, are zero."""
        if part == "down":
            each = [torch.empty(len(table), self.width // self.heads) for _ in range(self.heads)]
            table.copy_(torch.cat([head.normal_(std=self.deviation) for head in each], dim=1))
        elif part in ("up", "gate_down", "gate_up"):
            nn.init.normal_(table, std=self.deviation)
