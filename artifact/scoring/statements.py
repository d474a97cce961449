"""How judgements of statements are scored: accuracy, and NLVR2's consistency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_PARTS = 4


@dataclass(frozen=True)
class StatementScores:
    """Scores of judgements, 0 to 1.

    Attributes:
        accuracy: share judged right.
        consistency: share of sentences that are judged right about every pair of pictures; None
            where identifiers do not say which sentence it is.
    """

    accuracy: float
    consistency: float | None


def statement_scores(judged: Iterable[tuple[str, bool]]) -> StatementScores:
    """Score judgements as NLVR2's public code does (lil-lab/nlvr, nlvr2/eval/metrics.py).

    Args:
        judged: of every statement its identifier, `split-set-pair-sentence`, and whether it was
            judged right.

    Raises:
        ValueError: there is none.
    """
    all_right: dict[tuple[str, ...], bool] = {}
    right = total = 0
    known = True
    for identifier, is_right in judged:
        total += 1
        right += is_right
        parts = identifier.split("-")
        known = known and len(parts) == _PARTS
        sentence = (*parts[:2], *parts[3:])
        all_right[sentence] = all_right.get(sentence, True) and is_right
    if not total:
        raise ValueError("judgements cannot be scored without statements")
    consistent = sum(all_right.values()) / len(all_right) if known else None
    return StatementScores(right / total, consistent)
