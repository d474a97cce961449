"""A share of the answers that lower variants give, kept until they are run again (audit)."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.requests.request import Request
from engine.types import Answer, Input, MadeBy

_MOST_ANSWERS = 256
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class KeptAnswer:
    """An answer with what was asked; `said` is its best label, or its text."""

    given: Input
    made_by: MadeBy
    said: str
    size_bytes: int


class AuditSample:
    """Keeps a share of answers; when it is full, the oldest goes. Belongs to the engine's thread.

    Captions of several beams are left out: agreement is that of greedy ones, as at export. Vectors
    are left out too: alone they say nothing that could be compared.

    Args:
        share: of the answers that other variants than the deepest give, 0 to 1.
        deepest: the variant that they are compared with.
        draw: a random number in 0..1, below 1.
    """

    def __init__(
        self, share: float, deepest: str, draw: Callable[[], float] = random.random
    ) -> None:
        self._share = share
        self._deepest = deepest
        self._draw = draw
        self._kept: deque[KeptAnswer] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def offer(self, request: Request, answer: Answer) -> None:
        """Keep an answer, if it is one of the share."""
        if not self._share or answer.variant == self._deepest or request.texts > 1:
            return
        if answer.vectors:
            return
        if self._draw() >= self._share:
            return
        said = answer.labels[0][0] if answer.text is None else answer.text
        made_by = MadeBy(answer.task, answer.variant)
        self._kept.append(KeptAnswer(request.given, made_by, said, _bytes_of(request.given)))
        self._bytes += self._kept[-1].size_bytes
        while len(self._kept) > _MOST_ANSWERS or self._bytes > _MOST_BYTES:
            self.take()

    def take(self) -> KeptAnswer:
        """Return the oldest, and keep it no longer.

        Raises:
            IndexError: there is none.
        """
        oldest = self._kept.popleft()
        self._bytes -= oldest.size_bytes
        return oldest


def _bytes_of(value: Any) -> int:
    """Return the bytes of an input's pictures and texts, about."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, str):
        return 4 * len(value)
    if isinstance(value, tuple | list):
        return sum(map(_bytes_of, value))
    return sum(map(_bytes_of, vars(value).values())) if hasattr(value, "__dict__") else 8
