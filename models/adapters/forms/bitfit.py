"""BitFit: only biases are tuned (Ben Zaken et al., 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from artifact.adapters.hooks import Site
from artifact.config import ModelConfig
from models.adapters.form import NORM_HOOKS, Form, sites_at
from models.adapters.forms.lora import LINEARS


@dataclass(frozen=True)
class BitFit(Form):
    """Every bias of the blocks, of linears and of norms, as a shift that begins at zero.

    An order has biases of its own, unless `share` is `key`; norms have in any case.
    """

    kind: ClassVar[str] = "bitfit"

    def sites(self, config: ModelConfig) -> tuple[Site, ...]:
        """Return a shift at every linear and norm of the blocks."""
        return sites_at((*LINEARS, *NORM_HOOKS), ("shift",))

    def initialise(self, site: Site, part: str, table: Tensor) -> None:
        """Leave it zero."""
