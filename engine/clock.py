"""Time as the engine sees it: monotonic seconds, replaceable in tests."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock; only differences mean anything."""

    def now_s(self) -> float:
        """Return seconds since an arbitrary start."""
        ...


class SystemClock:
    """`time.perf_counter`, which the server stamps arrivals with too."""

    def now_s(self) -> float:
        """Return seconds since an arbitrary start."""
        return time.perf_counter()
