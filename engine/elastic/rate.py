"""How fast requests arrive, from the last of them."""

from __future__ import annotations

from collections import deque

_ARRIVALS = 64
_LEAST = 8


class ArrivalRate:
    """Arrivals per second over the last 64 of them; 0 until there are 8. Not thread-safe."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=_ARRIVALS)

    def add(self, now: float) -> None:
        """Count one arrival."""
        self._times.append(now)

    def hz(self, now: float) -> float:
        """Return the rate; it falls while no row arrives."""
        if len(self._times) < _LEAST or now <= self._times[0]:
            return 0.0
        return len(self._times) / (now - self._times[0])
