"""The adapter of DAS, with tables of its own for each order.

    A(x) = relu(LN(x) down + down_shift) up + shift

Beside a kept sub-layer it reads what that reads before its norm, and its output joins the sum; in
place of a skipped order the stream becomes x + A(x). Image and text tokens share it, as in ViLT's
one stream. Source: DoubtedSteam/DAS, ViLT/vilt/modules/vision_transformer_PA.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from artifact.config import ModelConfig
from models.norms import Order

_EPS = 1e-5
_STD = 0.02


class OrderAdapter(nn.Module):
    """One DAS adapter for each of some orders.

    Begins as published: matrices normal with deviation 0.02, shifts 0, the norm neutral. It is
    close to nothing then, not nothing.

    Args:
        orders: how many have one.
        width: of the stream.
        inner: width between down and up.
    """

    def __init__(self, orders: int, width: int, inner: int) -> None:
        super().__init__()
        self.norm_scale = nn.Parameter(torch.empty(orders, width))
        self.norm_shift = nn.Parameter(torch.empty(orders, width))
        self.down = nn.Parameter(torch.empty(orders, width, inner))
        self.down_shift = nn.Parameter(torch.empty(orders, inner))
        self.up = nn.Parameter(torch.empty(orders, inner, width))
        self.shift = nn.Parameter(torch.empty(orders, width))
        self.reset()

    @torch.no_grad()
    def reset(self) -> None:
        """Begin anew, by torch's generator."""
        nn.init.ones_(self.norm_scale)
        for table in (self.norm_shift, self.down_shift, self.shift):
            nn.init.zeros_(table)
        for matrix in (self.down, self.up):
            nn.init.normal_(matrix, std=_STD)

    def forward(self, x: Tensor, order: Order) -> Tensor:
        """Return A(x).

        Args:
            x: `[batch, tokens, width]`.
            order: one for the batch, or int64 `[batch]`, one for each row.
        """
        normal = nn.functional.layer_norm(x, x.shape[-1:], eps=_EPS)
        normal = normal * self._of(self.norm_scale, order) + self._of(self.norm_shift, order)
        inner = normal @ self._of(self.down, order) + self._of(self.down_shift, order)
        return nn.functional.relu(inner) @ self._of(self.up, order) + self._of(self.shift, order)

    @staticmethod
    def _of(table: Tensor, order: Order) -> Tensor:
        """Return one order's table, or each row's, with an axis of tokens where it has none."""
        if isinstance(order, int):
            return table[order]
        rows = table.index_select(0, order)
        return rows.unsqueeze(1) if rows.ndim == 2 else rows

    @property
    def parameters_per_order(self) -> int:
        """Numbers of one order's adapter."""
        return sum(table[0].numel() for table in self.parameters())

    @property
    def macs_per_token(self) -> int:
        """Multiply-adds of its matrices for one token."""
        return 2 * self.down.shape[1] * self.down.shape[2]


def beside(config: ModelConfig, orders: int) -> OrderAdapter | None:
    """Return the adapter beside a sub-layer of a key with that many orders; None: it has none."""
    said = config.skipping
    return None if said is None else OrderAdapter(orders, config.width, said.beside)
