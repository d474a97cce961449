"""Pictures to pixels, text to tokens: the same code for tuning, export and serving."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artifact.errors import EmptyQuestion, InvalidManifest, QuestionTooLong

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_CHARACTERS_PER_TOKEN = 64
"""No tokenizer here has longer tokens; a text beyond this times the limit is refused unread."""
_REMEMBERED_TEXTS = 256
"""Texts are read twice, to check them and to answer them; and many questions come again."""


class _TextLimits(Protocol):
    """The part of the manifest's text record a codec needs."""

    @property
    def bos(self) -> int: ...
    @property
    def eos(self) -> int: ...
    @property
    def pad(self) -> int: ...
    @property
    def mask(self) -> int: ...
    @property
    def max_question_tokens(self) -> int: ...


def to_pixels(image: Image.Image, side_px: int) -> NDArray[np.uint8]:
    """Return an RGB picture as uint8 [S, S, 3]: squared by bicubic resize, no crop (BEiT-3)."""
    if image.mode != "RGB":
        raise ValueError(f"expected an RGB picture, not {image.mode}")
    if image.size != (side_px, side_px):
        image = image.resize((side_px, side_px), Image.Resampling.BICUBIC)
    return np.array(image, dtype=np.uint8)


class TextCodec:
    """The artifact's tokenizer and its limits. Safe to share between threads."""

    def __init__(self, tokenizer: Tokenizer, limits: _TextLimits) -> None:
        self._tokenizer = tokenizer
        self._limits = limits
        tokenizer.encode_special_tokens = True  # as words
        self._special = {limits.bos, limits.eos, limits.pad, limits.mask}
        self._spelt = {token: self._spelling(token) for token in self._special}
        self._words = lru_cache(_REMEMBERED_TEXTS)(self._read_words)

    @classmethod
    def from_file(cls, path: Path, limits: _TextLimits) -> TextCodec:
        """Read a `tokenizer.json`.

        Raises:
            InvalidManifest: if the file is no tokenizer.
        """
        from tokenizers import Tokenizer  # here: a process that only decodes pictures loads none

        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise InvalidManifest(path, f"no tokenizer: {error}", "export it again") from error
        return cls(tokenizer, limits)

    def encode_question(self, question: str) -> list[int]:
        """Return [BOS] ids [EOS].

        Raises:
            EmptyQuestion, QuestionTooLong: instead of truncating silently.
        """
        limit = self._limits.max_question_tokens
        text = question.strip()
        if not text:
            raise EmptyQuestion
        if len(text) > limit * _CHARACTERS_PER_TOKEN:
            raise QuestionTooLong(None, limit)
        ids = self._words(text)
        if not ids:
            raise EmptyQuestion
        if len(ids) + 2 > limit:
            raise QuestionTooLong(len(ids) + 2, limit)
        return [self._limits.bos, *ids, self._limits.eos]

    def _read_words(self, text: str) -> tuple[int, ...]:
        """Return the ids of a text; a special token that is written in it is a word like others."""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        if self._special.isdisjoint(ids):
            return tuple(ids)
        return tuple(part for token in ids for part in self._spelt.get(token, (token,)))

    def _spelling(self, token: int) -> tuple[int, ...]:
        """Return the ids of a special token's characters; a vocabulary may hold it as a word."""
        characters = " ".join(self._tokenizer.id_to_token(token) or "")
        ids = self._tokenizer.encode(characters, add_special_tokens=False).ids
        return tuple(part for part in ids if part not in self._special)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the words of token ids, special tokens left out."""
        words = [token for token in ids if token not in self._special]
        return self._tokenizer.decode(words, skip_special_tokens=True).strip()
