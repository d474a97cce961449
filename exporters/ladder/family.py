"""Choose the variants to ship from what the search found. Pure."""

from __future__ import annotations

from artifact.pattern import SkipPattern
from exporters.ladder.search import Ladder

MARGIN = 0.01
"""A pattern off the ladder joins only if it is better than the rung of its depth by this."""

RISE = 0.003
"""A variant that costs more blocks must be better by this: a third of a point."""


def family(ladder: Ladder) -> list[SkipPattern]:
    """Return the variants to ship, shallow to deep: rising rungs, patterns that earn it, and full.

    A variant stays only if it is better than every shallower one by `RISE`, and full better than
    it; a pattern off the ladder joins only if it beats the rung of its depth by `MARGIN`, and never
    joins a chain.
    """
    quality, full = ladder.quality, SkipPattern.full(ladder.pattern.orders)
    chosen: list[SkipPattern] = []
    best = 0.0
    for depth in range(1, full.depth):
        for one in _candidates(ladder, depth):
            if quality[one] >= best + RISE and quality[one] <= quality[full] - RISE:
                chosen.append(one)
                best = quality[one]
    return [*chosen, full]


def _candidates(ladder: Ladder, depth: int) -> list[SkipPattern]:
    """Return the rung of a depth and, behind it, the best other pattern if it earns its place."""
    rungs = [ladder.pattern.prefix(depth)] if depth <= ladder.pattern.depth else []
    top = None if ladder.chained else ladder.best(depth)
    if top is None or top in rungs:  # a narrow beam may reach no pattern of this depth
        return rungs
    bar = max((ladder.quality[rung] for rung in rungs), default=0.0) + MARGIN
    return [*rungs, top] if ladder.quality[top] >= bar else rungs
