"""LayerNorm whose scale and shift are looked up by order and by modality.

All orders of a key share its matrices but not its norms (OTMV supplement, section 1), so the norms
live in small tables. The order is data: one batch may hold rows at different orders.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

IMAGE, TEXT = 0, 1
"""Index of a modality in every table: BEiT-3's branches A (vision) and B (language)."""

Order = int | Tensor
"""An order inside its key: one int for the whole batch, or int64 `[batch]`, one per row."""


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

    def forward(self, x: Tensor, order: Order, image_tokens: int, text_tokens: int) -> Tensor:
        """Normalise `x`, image tokens by the image norm and text tokens by the text norm.

        Args:
            x: `[batch, image_tokens + text_tokens, width]`, image first.
            order: order inside the key.
            image_tokens: leading tokens of the image.
            text_tokens: tokens that follow, of the text.

        Returns:
            Same shape as `x`; computed in fp32, returned in `x`'s dtype.
        """
        scale, shift = self.scale[order], self.shift[order]  # [2, width] or [batch, 2, width]
        if not image_tokens or not text_tokens:
            modality = TEXT if not image_tokens else IMAGE
            scale, shift = scale[..., modality, :], shift[..., modality, :]
            if isinstance(order, int):
                return nn.functional.layer_norm(x, (self.width,), scale, shift, self.eps)
            scale, shift = scale.unsqueeze(1), shift.unsqueeze(1)
        elif isinstance(order, int):
            norm = nn.functional.layer_norm
            image, text = x[:, :image_tokens], x[:, image_tokens:]
            return torch.cat(
                [
                    norm(image, (self.width,), scale[IMAGE], shift[IMAGE], self.eps),
                    norm(text, (self.width,), scale[TEXT], shift[TEXT], self.eps),
                ],
                dim=1,
            )
        else:
            scale = _per_token(scale, image_tokens, text_tokens)
            shift = _per_token(shift, image_tokens, text_tokens)
        return nn.functional.layer_norm(x, (self.width,), eps=self.eps) * scale + shift


def _per_token(table: Tensor, image_tokens: int, text_tokens: int) -> Tensor:
    """Spread `[batch, 2, width]` over the tokens: `[batch, image + text, width]`."""
    image = table[:, IMAGE : IMAGE + 1].expand(-1, image_tokens, -1)
    text = table[:, TEXT : TEXT + 1].expand(-1, text_tokens, -1)
    return torch.cat([image, text], dim=1)
