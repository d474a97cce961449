"""How answers that were read from a picture are scored: ANLS, by how they are spelt."""

from __future__ import annotations

from collections.abc import Sequence

_LEAST = 0.5
"""Below this similarity an answer counts as wrong (ST-VQA, DocVQA)."""


def anls(answer: str, truths: Sequence[str]) -> float:
    """Return the average normalised Levenshtein similarity of one answer, 0 to 1.

    1 - edit distance / longer length, in lower case, of the truth it is nearest to; 0 below a half.

    Raises:
        ValueError: there is no truth.
    """
    if not truths:
        raise ValueError("an answer cannot be scored without a true answer")
    given = answer.strip().lower()
    best = max(_similarity(given, truth.strip().lower()) for truth in truths)
    return best if best >= _LEAST else 0.0


def _similarity(one: str, other: str) -> float:
    longer = max(len(one), len(other))
    return 1 - _edits(one, other) / longer if longer else 1.0


def _edits(one: str, other: str) -> int:
    """Return how many letters must be inserted, deleted or replaced."""
    row = list(range(len(other) + 1))
    for i, mine in enumerate(one, 1):
        diagonal, row[0] = row[0], i
        for j, theirs in enumerate(other, 1):
            kept = diagonal + (mine != theirs)
            diagonal, row[j] = row[j], min(kept, row[j] + 1, row[j - 1] + 1)
    return row[-1]
