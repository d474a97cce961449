"""Eq. 3 of the supplement in its nested form, written out again, and inputs to run it on."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn

from models.key_block import key_mask_bias
from models.series import OtmvModel
from tests.models import tiny


def eq3(model: OtmvModel, h: Tensor, executed: Collection[int], bias: Tensor) -> Tensor:
    """y = c1 F x + c2 F c1 F x + ..., where a skipped order is bypassed and its term left out.

    The coefficients are taken out of the key blocks, which are then plain functions F.
    """
    coefficients = [float(c) for key in model.keys for c in key.coefficient]
    plain = OtmvModel(model.config)
    plain.load_state_dict(model.state_dict())
    for key in plain.keys:
        key.coefficient.fill_(1.0)
    y = torch.zeros_like(h)
    of_key = model.config.key_of_order
    for order, c in enumerate(coefficients):
        if order in executed:
            within = sum(owner == of_key[order] for owner in of_key[:order])
            h = c * plain.keys[of_key[order]](h, within, model.config.image_tokens, bias)
            y = y + h
    return y


def embedded(model: OtmvModel, length: int = 6) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return pixels, padded tokens, their mask and the stem's output."""
    pixels, tokens = tiny.pixels(3), tiny.words(3, length)
    mask = torch.arange(length)[None] < torch.tensor([[length], [3], [1]])
    h = torch.cat([model.stem.image(pixels), model.stem.text(tokens)], dim=1)
    return pixels, tokens, mask, h


def bias_of(model: OtmvModel, mask: Tensor) -> Tensor:
    padded = nn.functional.pad(mask, (model.config.image_tokens, 0), value=True)
    return key_mask_bias(padded, torch.float32)
