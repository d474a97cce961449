"""Beam search over words, as BEiT-3 evaluates captions (unilm/beit3, CaptioningHandler). Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LENGTH_PENALTY = 0.6
"""A finished text scores (sum of log-probabilities) / length ** this; BEiT-3's setting."""

_ENDS = 2
"""[BOS] and [EOS] count in a text's length."""


class BeamSearch:
    """The `width` best unfinished texts, and the best finished one.

    `words[b]` are beam b's words without [BOS]. With width 1 it is greedy decoding.

    Args:
        width: beams.
        eos: id of [EOS].
        limit: most words of a text, [EOS] not counted.
    """

    def __init__(self, width: int, eos: int, limit: int) -> None:
        self.words: list[list[int]] = [[] for _ in range(width)]
        self._scores = np.full(width, -np.inf)
        self._scores[0] = 0.0  # all beams begin alike: only one may lead on
        self._eos = eos
        self._limit = limit
        self._best: tuple[float, list[int]] | None = None
        self.done = False

    @property
    def best(self) -> list[int]:
        """The best finished text; before there is one, the best so far."""
        return self.words[0] if self._best is None else self._best[1]

    def advance(self, logits: NDArray[Any]) -> list[int]:
        """Take the beams' next-word logits [width, V]; return the beam each new one continues.

        Raises:
            ValueError: if the search is done.
        """
        if self.done:
            raise ValueError("the search is done")
        totals = self._scores[:, None] + _log_softmax(logits)
        ranked = _highest(totals, 2 * len(self.words))
        going: list[tuple[float, int, int]] = []
        for beam, word in ranked:
            total = float(totals[beam, word])
            if word == self._eos:
                self._finish(total, self.words[beam])
            else:
                going.append((total, beam, word))
            if len(going) == len(self.words):
                break
        parents = [beam for _, beam, _ in going]
        self.words = [[*self.words[beam], word] for _, beam, word in going]
        self._scores = np.array([total for total, _, _ in going])
        self._settle()
        return parents

    def _finish(self, total: float, words: list[int]) -> None:
        score = total / (len(words) + _ENDS) ** LENGTH_PENALTY
        if score > (-np.inf if self._best is None else self._best[0]):
            self._best = (score, words)

    def _settle(self) -> None:
        """Stop at the limit, or when no unfinished text can become better than the best one."""
        if self._best is not None and len(self.words) == 1:
            self.done = True
        elif len(self.words[0]) >= self._limit:
            for total, words in zip(self._scores, self.words, strict=True):
                self._finish(float(total), words)
            self.done = True
        elif self._best is not None:
            most = (self._limit + _ENDS) ** LENGTH_PENALTY
            self.done = self._best[0] >= float(self._scores.max()) / most


def _log_softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    exact = np.asarray(logits, np.float64)
    shifted = exact - exact.max(axis=1, keepdims=True)
    found: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found


def _highest(totals: NDArray[np.float64], count: int) -> list[tuple[int, int]]:
    """Return (row, column) of the highest entries, best first; ties: the lowest index."""
    flat = totals.ravel()
    few = min(count, len(flat))
    least = np.partition(flat, len(flat) - few)[len(flat) - few]
    above = np.flatnonzero(flat > least)
    best = np.concatenate([above, np.flatnonzero(flat == least)[: few - len(above)]])
    best = best[np.lexsort((best, -flat[best]))]
    return [divmod(int(index), totals.shape[1]) for index in best]
