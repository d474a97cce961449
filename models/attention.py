"""The mix of values that a block's attention makes."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def widened(bias: Tensor | None, k: Tensor) -> Tensor | None:
    """Let every query see the rows that an adapter put before the keys."""
    more = 0 if bias is None else k.shape[2] - bias.shape[-1]
    return bias if bias is None or not more else nn.functional.pad(bias, (more, 0))


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """Softmax attention; returns `[batch, tokens, width]`."""
    if q.dtype == torch.bfloat16 and q.device.type == "cpu":
        mixed = _plain_attention(q, k, v, bias)
    else:
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    return mixed.transpose(1, 2).flatten(2)


def _plain_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """Return what torch's fused attention returns, `[batch, heads, tokens, head width]`.

    In bfloat16 on a processor, which is how the demo is tuned, the fused one takes several times as
    long forwards and backwards at lengths of some dozens of tokens.
    """
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(2, 3)
    shares = (scores if bias is None else scores + bias).softmax(-1, dtype=torch.float32)
    mixed: Tensor = shares.to(v.dtype) @ v
    return mixed
