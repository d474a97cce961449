"""What a chain costs: how much better the free search's variants of its depths are (ADR 0030)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from artifact.pattern import SkipPattern
from artifact.task import TaskName
from exporters.ladder.search import Ladder

Shares = Mapping[SkipPattern, Mapping[TaskName, float]]
"""Of each pattern, each task's share of right classes."""


@dataclass(frozen=True)
class StopCost:
    """What a stop costs by being on the chain.

    Attributes:
        stop: the stop.
        free: the pattern of as many orders that the search liked best; the stop itself if none is
            better.
        cost: of each task, the quality of `free` less that of `stop`, in 0..1. Below zero where
            what was better on the split that chooses is worse on the split that reports.
    """

    stop: SkipPattern
    free: SkipPattern
    cost: Mapping[TaskName, float]

    @property
    def mean(self) -> float:
        """Mean cost over tasks."""
        return sum(self.cost.values()) / len(self.cost)


def free_patterns(ladder: Ladder, stops: Sequence[SkipPattern]) -> dict[SkipPattern, SkipPattern]:
    """Return each stop of a chain with the best pattern of its depth, by the search's own split.

    Args:
        ladder: what the search found, as a chain.
        stops: of the chain; the search scored them.
    """
    return {stop: ladder.best(stop.depth) or stop for stop in stops}


def costs(pairs: Mapping[SkipPattern, SkipPattern], shares: Shares) -> list[StopCost]:
    """Return what each stop costs.

    Args:
        pairs: each stop, and its free pattern.
        shares: of all of them, on a split that neither was chosen on.
    """
    return [
        StopCost(
            stop, free, {task: shares[free][task] - right for task, right in shares[stop].items()}
        )
        for stop, free in pairs.items()
    ]
