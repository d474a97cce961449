"""Time: how long a part may take, and what is left for those after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

Clock = Callable[[], float]


class TimeLimit:
    """A moment that work looks at between its pieces.

    Args:
        seconds: from now.
        clock: seconds that only grow.
    """

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._at_s = clock() + seconds

    @property
    def left_s(self) -> float:
        """Seconds until then; negative afterwards."""
        return self._at_s - self._clock()

    def over(self, needed_s: float = 0.0) -> bool:
        """Tell whether less than `needed_s` seconds are left."""
        return self.left_s < max(needed_s, 0.0) or self.left_s <= 0.0

    def part(self, share: float) -> TimeLimit:
        """Return the deadline of a piece that may take this share of what is left."""
        return TimeLimit(max(self.left_s, 0.0) * share, self._clock)


def allotted_s(left_s: float, shares: Sequence[float]) -> float:
    """Return the seconds of the next part: its share of the time that is left.

    Args:
        left_s: seconds until everything must have ended.
        shares: of the parts still to run, the next one's first. What earlier parts did not use is
            divided among all that follow.
    """
    return max(left_s, 0.0) * shares[0] / sum(shares)
