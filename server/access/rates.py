"""A token bucket: how often something may happen, decided from the times it is given alone."""

from __future__ import annotations


class TokenBucket:
    """Holds up to `capacity` tokens and gains `rate_per_s`; full at first. Reads no clock.

    In any span of t seconds at most `capacity + rate_per_s * t` tokens are taken.
    """

    def __init__(self, rate_per_s: float, capacity: int) -> None:
        self._rate_per_s = rate_per_s
        self._capacity = float(capacity)
        self._tokens = float(capacity)
        self._at_s: float | None = None

    def take(self, now_s: float) -> float:
        """Take a token and return 0, or take none and return the seconds until there is one.

        A time before the last one counts as the last one.
        """
        before_s = now_s if self._at_s is None else self._at_s
        self._at_s = max(now_s, before_s)
        gained = (self._at_s - before_s) * self._rate_per_s
        self._tokens = min(self._capacity, self._tokens + gained)
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate_per_s
