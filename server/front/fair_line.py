"""A line in which everybody's next one comes in turn, however many each has in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairLine(Generic[T]):
    """Self-clocked fair queueing (Golestani, 1994): shares take turns, by cost.

    In each share, first come, first served. A share that is alone is served without pause, and one
    that was away saves nothing up.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[tuple[float, T]]] = {}
        self._ends: dict[Hashable, float] = {}
        self._served = 0.0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def shares(self) -> int:
        """How many shares have something in the line."""
        return len(self._waiting)

    def add(self, share: Hashable, item: T, cost: float = 1.0) -> None:
        """Put something at the end of its share's part."""
        end = self._end(share, cost)
        self._ends[share] = end
        self._waiting.setdefault(share, deque()).append((end, item))
        self._count += 1

    def ahead(self, share: Hashable) -> int:
        """Return how many would be served before a new one of a share."""
        end = self._end(share, 1.0)
        mine = len(self._waiting.get(share, ()))
        others = (line for name, line in self._waiting.items() if name != share)
        return mine + sum(sum(at <= end for at, _ in line) for line in others)

    def waiting_of(self, share: Hashable) -> int:
        """Return how many of the line are a share's."""
        return len(self._waiting.get(share, ()))

    def pop(self) -> T:
        """Take out what is served next; there must be something."""
        share = self._next()
        self._served, item = self._waiting[share].popleft()
        self._count -= 1
        self._forget(share)
        return item

    def remove(self, share: Hashable, item: T) -> bool:
        """Take something out before its turn; False: it is not there."""
        line = self._waiting.get(share, deque())
        found = next((pair for pair in line if pair[1] is item), None)
        if found is None:
            return False
        line.remove(found)
        self._count -= 1
        self._forget(share)
        return True

    def _end(self, share: Hashable, cost: float) -> float:
        return max(self._served, self._ends.get(share, 0.0)) + cost

    def _next(self) -> Hashable:
        return min(self._waiting, key=lambda share: self._waiting[share][0][0])

    def _forget(self, share: Hashable) -> None:
        """Forget what no longer counts: names of shares must not add up for ever."""
        if not self._waiting[share]:
            del self._waiting[share]
        if not self._waiting:
            self._ends.clear()
            self._served = 0.0
        elif len(self._ends) > 2 * len(self._waiting) + 64:
            self._ends = {name: end for name, end in self._ends.items() if end > self._served}
