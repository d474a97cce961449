"""How far one call strays from its mean time, from the last of them."""

from __future__ import annotations

from collections import deque

from engine.elastic.quantiles import quantile

_CALLS = 256
_LEAST = 32
_EVERY = 16
_SHARE = 0.99


class CallSpread:
    """A high quantile of single calls' actual / mean seconds; not thread-safe.

    A request's time averages over its calls, so its quantile says too little about the next one.
    """

    def __init__(self) -> None:
        self._ratios: deque[float] = deque(maxlen=_CALLS)
        self._since = 0
        self._high: float | None = None

    def add(self, ratio: float) -> None:
        """Take one call's actual / mean seconds."""
        self._ratios.append(ratio)
        self._since += 1
        if self._since >= _EVERY and len(self._ratios) >= _LEAST:
            self._high, self._since = quantile(self._ratios, _SHARE), 0

    def over(self, correction: float, unknown: float = 1.5) -> float:
        """Return what to stretch a corrected call by; `unknown` until 32 calls were seen."""
        return unknown if self._high is None else max(self._high / correction, 1.0)
