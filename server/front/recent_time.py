"""How long something takes now: a high quantile of recent times."""

from __future__ import annotations

from collections import deque

from engine.elastic.quantiles import quantile

_RECENT_S = 2.0
_LEARN_EVERY = 16


class RecentTime:
    """Predicts a time from recent ones; 0 if there are none.

    Measurements older than two seconds are dropped: the load may have changed since.
    """

    def __init__(self, share: float = 0.95, extra_s: float = 0.0) -> None:
        self._share = share
        self._extra_s = extra_s
        self._recent: deque[tuple[float, float]] = deque(maxlen=128)
        self._since = 0
        self._predicted_s = 0.0

    def add(self, seconds: float, now: float) -> None:
        """Take one measurement, made at `now`."""
        self._recent.append((now, seconds))
        self._since += 1
        if self._since >= _LEARN_EVERY or not self._predicted_s:
            self._learn(now)

    def predicted_s(self, now: float) -> float:
        """Return how long the next one will take."""
        if self._recent and now - self._recent[0][0] > _RECENT_S:
            self._learn(now)
        return self._predicted_s

    def _learn(self, now: float) -> None:
        while self._recent and now - self._recent[0][0] > _RECENT_S:
            self._recent.popleft()
        times_s = [seconds for _, seconds in self._recent]
        self._predicted_s = quantile(times_s, self._share) + self._extra_s if times_s else 0.0
        self._since = 0
