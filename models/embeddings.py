"""BEiT-3's dual encoder: a picture alone, or a text alone, through the stack to a vector."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from artifact.task import EMBED
from models.key_block import key_mask_bias
from models.stack import Stack
from models.tasks.embed import EmbedHead


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
    _, y = model.chain(h, executed, h.shape[1], None, _first_token)
    return _head(model).embed_image(y[:, 0])


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
    _, y = model.chain(h, executed, 0, bias, _first_token)
    return _head(model).embed_text(y[:, 0])


def _first_token(h: Tensor) -> Tensor:
    return h[:, :1]


def _head(model: Stack) -> EmbedHead:
    head = model.heads[EMBED]
    assert isinstance(head, EmbedHead)
    return head
