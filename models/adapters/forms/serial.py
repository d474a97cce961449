"""Serial adapters: a bottleneck behind each sub-layer (Houlsby et al., 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from artifact.adapters.hooks import BOTTLENECK, Activation, Site, TableSize
from artifact.config import ModelConfig
from models.adapters.form import Form, norm_sites, positive, sites_at

BEHIND = ("block.attention_output", "block.ffn_output")


@dataclass(frozen=True)
class Serial(Form):
    """x + up(act(down x)) behind attention's output projection and the feed-forward.

    adapter-bert: b 64, GELU in its tanh form, matrices drawn from a truncated normal, norms tuned
    too. The PEFT study's eq. 5 and 8: `activation = "relu"`, b 16-128, on questions up to 512.

    Attributes:
        width: b, of the bottleneck.
        activation: inside.
        deviation: of what matrices begin as; drawn values lie within two of it.
        norms: scales and shifts of the blocks' norms are tuned too.
    """

    kind: ClassVar[str] = "serial"
    width: int = 64
    activation: Activation = "gelu_tanh"
    deviation: float = 1e-3
    norms: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(width=self.width)

    def sites(self, config: ModelConfig) -> tuple[Site, ...]:
        """Return both places behind a sub-layer."""
        size = TableSize(self.inner(config))
        return (*sites_at(BEHIND, BOTTLENECK, size, self.activation), *norm_sites(self.norms))

    def inner(self, config: ModelConfig) -> int:
        """Return the width of the bottleneck for a base."""
        del config
        return self.width

    def initialise(self, site: Site, part: str, table: Tensor) -> None:
        """Draw matrices; shifts, and changes of norms, are zero."""
        if part in ("down", "up"):
            nn.init.trunc_normal_(
                table, std=self.deviation, a=-2 * self.deviation, b=2 * self.deviation
            )


@dataclass(frozen=True)
class PetAdapter(Serial):
    """PET-Adapter of the OTMV paper's tables: it cites adapter-bert and gives no settings."""

    kind: ClassVar[str] = "pet_adapter"


@dataclass(frozen=True)
class VlAdapter(Serial):
    """VL-Adapter (Sung et al., 2022): Houlsby's places, b = D / 8, one adapter for all tasks.

    Attributes:
        reduction: b = D / reduction.
    """

    kind: ClassVar[str] = "vl_adapter"
    reduction: int = 8
    deviation: float = 1e-2

    def inner(self, config: ModelConfig) -> int:
        """Return D / reduction."""
        return max(config.width // self.reduction, 1)

    def initialise(self, site: Site, part: str, table: Tensor) -> None:
        """Draw matrices from a normal; shifts, and changes of norms, are zero."""
        if part in ("down", "up"):
            nn.init.normal_(table, std=self.deviation)
