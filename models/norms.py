"""LayerNorm whose scale and shift are looked up by order and by modality.

All orders of a key share its matrices but not its norms (OTMV supplement, section 1), so the norms
live in small tables. The order is data: one batch may hold rows at different orders.

Modalities stay apart from a norm to the product that follows. A scale spread over the tokens of
both would be as large as what it scales, and each row would pay for writing and reading it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

IMAGE, TEXT = 0, 1
"""Index of a modality in every table: BEiT-3's branches A (vision) and B (language)."""

Order = int | Tensor
"""An order inside its key: one int for the whole batch, or int64 `[batch]`, one per row."""

NormChange = tuple[Tensor | None, Tensor | None]
"""What an adapter adds to a norm's scale and shift (ADR 0031): `[width]` or `[batch, 1, width]`."""

Parts = dict[int, Tensor]
"""Tokens by modality, image first; a modality without tokens is left out."""


def split(x: Tensor, image_tokens: int) -> Parts:
    """Part `[batch, tokens, width]` into its image tokens, which lead, and its text tokens."""
    if not image_tokens:
        return {TEXT: x}
    if image_tokens == x.shape[1]:
        return {IMAGE: x}
    return {IMAGE: x[:, :image_tokens], TEXT: x[:, image_tokens:]}


def join(parts: Parts) -> Tensor:
    """Put the modalities' tokens behind one another again."""
    tensors = list(parts.values())
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors, dim=1)


def of_order(table: Tensor, order: Tensor) -> Tensor:
    """Look up each row's order in `[orders, width]`; `[batch, 1, width]`, for all its tokens."""
    return nn.functional.embedding(order.unsqueeze(1), table)


class OrderNorm(nn.Module):
    """LayerNorm with one (scale, shift) pair per order and modality.

    Args:
        orders: orders in the key this norm belongs to.
        width: normalised width.
        eps: added to the variance.
    """

    def __init__(self, orders: int, width: int, eps: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(orders, 2, width))
        self.shift = nn.Parameter(torch.zeros(orders, 2, width))
        self.width = width
        self.eps = eps

    def forward(
        self,
        x: Tensor,
        order: Order,
        image_tokens: int,
        changes: Mapping[int, NormChange] | None = None,
    ) -> Parts:
        """Normalise image tokens by the image norm and text tokens by the text norm.

        Args:
            x: `[batch, tokens, width]`, image first.
            order: order inside the key.
            image_tokens: leading tokens of the image.
            changes: of an adapter, by modality.

        Returns:
            The tokens of each modality.
        """
        if changes:
            return self._changed(x, order, image_tokens, changes)
        if isinstance(order, int):
            scale, shift = self.scale[order], self.shift[order]
            return {
                m: nn.functional.layer_norm(part, (self.width,), scale[m], shift[m], self.eps)
                for m, part in split(x, image_tokens).items()
            }
        normal = nn.functional.layer_norm(x, (self.width,), eps=self.eps)
        return {
            m: part * of_order(self.scale[:, m], order) + of_order(self.shift[:, m], order)
            for m, part in split(normal, image_tokens).items()
        }

    def _changed(
        self, x: Tensor, order: Order, image_tokens: int, changes: Mapping[int, NormChange]
    ) -> Parts:
        normal = nn.functional.layer_norm(x, (self.width,), eps=self.eps)
        made: Parts = {}
        for m, part in split(normal, image_tokens).items():
            scale, shift = (self._of(table[:, m], order) for table in (self.scale, self.shift))
            more_scale, more_shift = changes.get(m, (None, None))
            scale = scale if more_scale is None else scale + more_scale
            made[m] = part * scale + (shift if more_shift is None else shift + more_shift)
        return made

    @staticmethod
    def _of(table: Tensor, order: Order) -> Tensor:
        return table[order] if isinstance(order, int) else of_order(table, order)
