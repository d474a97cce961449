"""Captions as two calls that a graph can hold: the image pass, and one word."""

from __future__ import annotations

import torch
from torch import Tensor

from artifact.pattern import SkipPattern
from artifact.task import CAPTION
from models.captions import Cache
from models.series import OtmvModel


class Captioner:
    """Greedy captions of one batch, all of the same length, in memory that stays where it is.

    Args:
        model: on the device, with the caption task.
        pattern: executed orders.
        pixels: uint8 `[batch, side, side, 3]`.
        words: of a caption; the cache has room for them.
        bos: id that a caption begins with.
        mask: id of MASK.
    """

    def __init__(
        self,
        model: OtmvModel,
        pattern: SkipPattern,
        pixels: Tensor,
        words: int,
        bos: int,
        mask: int,
    ) -> None:
        batch, place = pixels.shape[0], pixels.device
        self._model, self._executed, self._pixels = model, pattern.executed, pixels
        self._bos, self._mask = bos, mask
        self._image_tokens = model.config.image_tokens_of(CAPTION.name)
        length = self._image_tokens + words
        dtype = model.stem.cls_token.dtype
        self._cache: Cache = {}
        for order in pattern.executed:
            key, _ = model.key_of(order)
            shape = (batch, key.shape.heads, length, key.shape.head_width)
            k, v = (torch.zeros(shape, dtype=dtype, device=place) for _ in range(2))
            self._cache[order] = (k, v)
        self._real = torch.zeros(batch, length, dtype=torch.bool, device=place)
        self._position = torch.zeros(batch, dtype=torch.int64, device=place)
        self._last = torch.zeros(batch, dtype=torch.int64, device=place)

    def see(self) -> None:
        """Run the image pass; every caption begins anew."""
        seen = self._model.see(self._pixels, self._executed)
        for order, (k, v) in seen.items():
            self._cache[order][0][:, :, : self._image_tokens].copy_(k)
            self._cache[order][1][:, :, : self._image_tokens].copy_(v)
        self._real.fill_(False)
        self._real[:, : self._image_tokens].fill_(True)
        self._position.zero_()
        self._last.fill_(self._bos)

    def word(self) -> Tensor:
        """Write the next word of every caption; returns the fp32 logits `[batch, vocab_size]`."""
        tokens = torch.stack([self._last, torch.full_like(self._last, self._mask)], dim=1)
        logits, new = self._model.word(
            tokens, self._position, self._real, self._cache, self._executed
        )
        slot = self._position[:1] + self._image_tokens
        for order, (k_new, v_new) in new.items():
            self._cache[order][0].index_copy_(2, slot, k_new)
            self._cache[order][1].index_copy_(2, slot, v_new)
        self._real.index_fill_(1, slot, True)
        self._last.copy_(logits.argmax(-1))
        self._position.add_(1)
        return logits
