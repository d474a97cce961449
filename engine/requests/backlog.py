"""The work of open requests, by deadline."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Collection

from artifact.task import Task


class Backlog:
    """Work of open requests by deadline; frozen at the moment it is taken."""

    def __init__(self, costs: list[tuple[float, float]]) -> None:
        costs.sort()
        self._deadlines = [deadline for deadline, _ in costs]
        self._sums = [0.0, *itertools.accumulate(cost for _, cost in costs)]

    def before_s(self, deadline_s: float) -> float:
        """Return the seconds of work whose deadline is at most this one."""
        return self._sums[bisect.bisect_right(self._deadlines, deadline_s)]

    @property
    def total_s(self) -> float:
        """Return the seconds of all work."""
        return self._sums[-1]


CostS = Callable[[Task, str, int, int], float]
"""Seconds of a whole request of a (task, variant, text bucket) among a number of others."""

OpenWork = Callable[[float, CostS, Collection[int]], Backlog]
"""Returns the work of open requests now, at these costs, without the requests of these ids."""
