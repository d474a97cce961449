"""LoRA: a low-rank product beside a linear (Hu et al., 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from artifact.adapters.hooks import HOOKS, HookKind, Site, TableSize
from artifact.config import ModelConfig
from models.adapters.form import Form, kaiming, positive, sites_at

LINEARS = tuple(name for name, hook in HOOKS.items() if hook.kind == HookKind.LINEAR)


@dataclass(frozen=True)
class Lora(Form):
    """W x + (α / r) B A x, at any linears of the blocks. A begins as Kaiming, B as zero.

    He et al. (2022): query and value, r 16, α 32. VL-Adapter's LoRA: r 128, α 32, dropout 0.1.

    Attributes:
        hooks: linears, such as `q`, `fc1`.
        rank: r.
        alpha: α; the product counts α / r.
        rank_pattern, alpha_pattern: other numbers at `q`, or at `q` of order 3 as `3.q`.
        dropout: share of the input that the product does not see while tuning.
        rank_stabilised: the product counts α / √r (Kalajdzievski, 2023).
        per_head: each head has a product of rank r of its own, as the PEFT study's eq. 12-15; only
            at q, k and v.
    """

    kind: ClassVar[str] = "lora"
    hooks: tuple[str, ...] = ("q", "v")
    rank: int = 16
    alpha: float = 32.0
    rank_pattern: Mapping[str, int] = field(default_factory=dict, hash=False)
    alpha_pattern: Mapping[str, float] = field(default_factory=dict, hash=False)
    dropout: float = 0.0
    rank_stabilised: bool = False
    per_head: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "hooks", tuple(self.hooks))
        positive(rank=self.rank, **dict(self.rank_pattern))
        for name in (*self.rank_pattern, *self.alpha_pattern):
            if name.rpartition(".")[2] not in self.hooks:
                raise ValueError(f"a pattern names {name!r}, which is at none of {self.hooks}")
        if self.per_head and not set(self.hooks) <= {"q", "k", "v"}:
            raise ValueError("per_head goes with q, k and v only")
        if self.share == "key" and any("." in n for n in (*self.rank_pattern, *self.alpha_pattern)):
            raise ValueError("a pattern by order contradicts tables shared by the orders of a key")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), not {self.dropout}")

    def sites(self, config: ModelConfig) -> tuple[Site, ...]:
        """Return one site a linear and modality; the largest rank of its orders."""
        if strange := [name for name in self.hooks if f"block.{name}" not in LINEARS]:
            there = ", ".join(HOOKS[each].within for each in LINEARS)
            raise ValueError(f"LoRA has no linear {strange[0]!r}; there are {there}")
        made: tuple[Site, ...] = ()
        for name in self.hooks:
            rank = max(self._ranks(name, config)) * (config.heads if self.per_head else 1)
            made += sites_at((f"block.{name}",), ("down", "up"), TableSize(rank))
        return made

    def initialise(self, site: Site, part: str, table: Tensor) -> None:
        """Fill A as `nn.Linear`; B is zero."""
        if part == "down":
            kaiming(table)

    def factor(self, site: Site, part: str, config: ModelConfig) -> Tensor:
        """Return the scale of `up`, and 0 beyond an order's rank or head."""
        name = site.at.within
        ranks, scales = self._ranks(name, config), self._scales(name, config)
        within = torch.tensor([[float(at < rank) for at in range(max(ranks))] for rank in ranks])
        if self.per_head:
            within = within.repeat(1, config.heads)
        if part == "down":
            return within.unsqueeze(1)
        factor = within.unsqueeze(2) * torch.tensor(scales)[:, None, None]
        if self.per_head:
            own = torch.eye(config.heads)
            blocks = own.repeat_interleave(max(ranks), 0).repeat_interleave(config.head_width, 1)
            factor = factor * blocks
        return factor

    def dropout_at(self, site: Site) -> float:
        """Return the same at every linear."""
        del site
        return self.dropout

    def _ranks(self, name: str, config: ModelConfig) -> list[int]:
        usual = self.rank_pattern.get(name, self.rank)
        return [self.rank_pattern.get(f"{k}.{name}", usual) for k in range(config.orders)]

    def _scales(self, name: str, config: ModelConfig) -> list[float]:
        usual = self.alpha_pattern.get(name, self.alpha)
        alphas = [self.alpha_pattern.get(f"{k}.{name}", usual) for k in range(config.orders)]
        power = 0.5 if self.rank_stabilised else 1.0
        return [a / r**power for a, r in zip(alphas, self._ranks(name, config), strict=True)]
