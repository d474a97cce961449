"""BEiT-3's dual encoder: a picture alone, or a text alone, through the stack to a vector."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from artifact.task import EMBED
from models.key_block import MASKED, key_mask_bias
from models.stack import Stack
from models.tasks.embed import EmbedHead

_LARGEST_SCALE = 100.0


def embed_images(model: Stack, pixels: Tensor, executed: Sequence[int]) -> Tensor:
    """Embed pictures; they see no text.

    Args:
        model: has the embed task.
        pixels: uint8 `[batch, side, side, 3]`.
        executed: global orders, ascending, starting with 0.

    Returns:
        fp32 `[batch, width]`, vectors of length 1.
    """
    h = model.embedded(EMBED, pixels)
    _, y = model.chain(h, executed, h.shape[1], None, first_token)
    return embed_head(model).embed_image(y[:, 0])


def embed_texts(
    model: Stack, tokens: Tensor, text_mask: Tensor | None, executed: Sequence[int]
) -> Tensor:
    """Embed texts; they see no picture.

    Args:
        model: has the embed task.
        tokens: int64 `[batch, length]`, padded.
        text_mask: bool `[batch, length]`, True for real tokens; None where nothing is padded.
        executed: global orders, ascending, starting with 0.

    Returns:
        fp32 `[batch, width]`, vectors of length 1.
    """
    h = model.stem.text(tokens)
    bias = None if text_mask is None else key_mask_bias(text_mask, h.dtype)
    _, y = model.chain(h, executed, 0, bias, first_token)
    return embed_head(model).embed_text(y[:, 0])


def match_scale(model: Stack) -> Tensor:
    """Return what tuning multiplies cosines by: an fp32 scalar, at most 100 (CLIP, BEiT-3)."""
    return embed_head(model).logit_scale.float().exp().clamp(max=_LARGEST_SCALE)


def side_by_side_bias(image_tokens: int, text_mask: Tensor) -> Tensor:
    """Return the attention bias of rows [picture, text] of which neither sees the other.

    Args:
        image_tokens: how many tokens the picture has; they lead.
        text_mask: bool `[batch, length]`, True for real tokens.

    Returns:
        fp32 `[batch, 1, tokens, tokens]`.
    """
    of_image = torch.arange(image_tokens + text_mask.shape[1]) < image_tokens
    real = nn.functional.pad(text_mask, (image_tokens, 0), value=True)
    seen = (of_image[:, None] == of_image[None]) & real[:, None, :]
    return torch.where(seen, 0.0, MASKED)[:, None]


def first_token(h: Tensor) -> Tensor:
    """Return what is read out of a picture alone, or a text alone: `[batch, 1, width]`."""
    return h[:, :1]


def embed_head(model: Stack) -> EmbedHead:
    """Return the head of a model that has the embed task."""
    head = model.heads[EMBED]
    assert isinstance(head, EmbedHead)
    return head
