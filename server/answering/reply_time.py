"""How long an answer takes from the engine to the wire."""

from __future__ import annotations

from collections import deque

from engine.elastic.quantiles import quantile

_RECENT_S = 2.0
_WIRE_S = 5e-4
"""What the event loop and the socket take after the response is made."""
_LEARN_EVERY = 16


class ReplyTime:
    """Predicts the time from the engine's answer to the reply: a high quantile of recent ones.

    Measurements older than two seconds are dropped: the load may have changed since.
    """

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque(maxlen=128)
        self._since = 0
        self._predicted_s = 0.0

    def add(self, seconds: float, now: float) -> None:
        """Take one measurement, made at `now`."""
        self._recent.append((now, seconds))
        self._since += 1
        if self._since >= _LEARN_EVERY:
            self._learn(now)

    def predicted_s(self, now: float) -> float:
        """Return how long the next reply will take."""
        if self._recent and now - self._recent[0][0] > _RECENT_S:
            self._learn(now)
        return self._predicted_s

    def _learn(self, now: float) -> None:
        while self._recent and now - self._recent[0][0] > _RECENT_S:
            self._recent.popleft()
        times_s = [seconds for _, seconds in self._recent]
        self._predicted_s = quantile(times_s, 0.95) + _WIRE_S if times_s else 0.0
        self._since = 0
