"""Prefix tuning: keys and values before those of attention (Li and Liang, 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from artifact.adapters.hooks import Site, TableSize
from artifact.config import ModelConfig
from models.adapters.form import Form, positive, sites_at
from models.adapters.tunable import AdapterModule, TableModule
from models.norms import Order

if TYPE_CHECKING:
    from models.stack import Stack

PARTS = ("key", "value")


@dataclass(frozen=True)
class Prefix(Form):
    """p rows of keys and of values in every order, which every query sees.

    While tuning they come from an embedding through an MLP; its result is constant, so only the
    rows are served.

    Attributes:
        rows: p; XSum 200, GLUE 16; the PEFT study 2 to 128.
        inner: m of the MLP: 512 (Li and Liang), 800 (He et al.); 0: rows are tuned as they are.
    """

    kind: ClassVar[str] = "prefix"
    rows: int = 16
    inner: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(rows=self.rows)
        if self.inner and self.share == "key":
            raise ValueError("the MLP makes rows for each order: share contradicts it")

    def sites(self, config: ModelConfig) -> tuple[Site, ...]:
        """Return the one place of a prefix."""
        return sites_at(("block.prefix",), PARTS, TableSize(self.rows))

    def initialise(self, site: Site, part: str, table: Tensor) -> None:
        """Draw rows as embeddings are."""
        nn.init.normal_(table)

    def module(self, model: Stack) -> AdapterModule:
        """Return the MLP, or the rows; see `Form`."""
        made = PrefixMlp if self.inner else TableModule
        return made(self, model.config)


class PrefixMlp(TableModule):
    """embedding(p, D) → Linear(D, m) → tanh → Linear(m, 2 · K · D); rows by order, key, value.

    Args:
        form: a `Prefix` with `inner`.
        config: shape of the base.
    """

    def __init__(self, form: Prefix, config: ModelConfig) -> None:
        super().__init__(form, config)
        self.tuned.clear()
        width = config.width
        self.embedding = nn.Embedding(form.rows, width)
        self.down = nn.Linear(width, form.inner)
        self.up = nn.Linear(form.inner, len(PARTS) * config.orders * width)

    def selected(self, site: Site, part: str, order: Order | None) -> Tensor:
        """Return keys or values, `[rows, width]` of an order; see `AdapterModule`."""
        inner = self.down(self.embedding.weight).tanh()
        apart = (self.config.orders, len(PARTS), self.config.width)
        at = PARTS.index(part)
        weight = self.up.weight.view(*apart, -1)[:, at]
        bias = self.up.bias.view(apart)[:, at]
        if order is not None:
            weight, bias = weight[order], bias[order]
        rows: Tensor = torch.einsum("pm,...dm->...pd", inner, weight) + bias.unsqueeze(-2)
        return rows

    def tuned_parameters(self) -> int:
        """Return how many numbers are tuned, of which only the rows are served."""
        return sum(weight.numel() for weight in self.parameters())
