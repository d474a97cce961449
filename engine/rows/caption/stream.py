"""A caption's text, sent piece by piece while it is written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import takewhile

_LOG = logging.getLogger(__name__)

_HALF = "\ufffd"
"""What the first tokens of a character that needs several are decoded to."""


FIRST_WORDS = 2
"""Words that are written before the first piece can be sent."""


class TextStream:
    """Calls `on_text` with pieces that, joined, are the whole text.

    A tokenizer may write the end of a text anew when a word is added (a quote, half a character),
    so a piece is sent once a further word has left it as it was: one word late.

    Args:
        on_text: called on the engine's thread; must not block.
        decode: words to text.
    """

    def __init__(
        self, on_text: Callable[[str], None], decode: Callable[[Sequence[int]], str]
    ) -> None:
        self._on_text = on_text
        self._decode = decode
        self._before = ""
        self._sent = ""

    @property
    def begun(self) -> bool:
        """Whether a piece has been sent."""
        return bool(self._sent)

    def grow(self, words: Sequence[int]) -> None:
        """Take the text so far."""
        text = self._decode(words)
        same = takewhile(lambda pair: pair[0] == pair[1], zip(self._before, text, strict=False))
        self._send("".join(letter for letter, _ in same).rstrip(_HALF))
        self._before = text

    def end(self, text: str) -> None:
        """Send what is left of the finished text."""
        self._send(text)

    def _send(self, sure: str) -> None:
        if len(sure) <= len(self._sent) or not sure.startswith(self._sent):
            return
        piece, self._sent = sure[len(self._sent) :], sure
        try:
            self._on_text(piece)
        except Exception:  # a caller's fault is not the caption's
            _LOG.exception("a caller of a streamed caption")
