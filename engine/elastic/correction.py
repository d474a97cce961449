"""What finished requests teach about times and lengths; pure but for what was learned."""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass

from engine.elastic.quantiles import at_share, quantile

_WINDOW = 256
_WINDOW_S = 120.0
_MIN_SAMPLES = 8
_QUANTILE = 0.9
_CLAMP = (0.02, 20.0)


@dataclass(frozen=True, slots=True)
class Way:
    """A row's way to its first answer: what was predicted and what it took, waits included.

    `mean_s` is the prediction for the whole way, made at `began_s`; `calls_mean_s` are the means of
    its own calls so far.
    """

    began_s: float
    mean_s: float
    calls_mean_s: float


class Correction:
    """A quantile of actual / mean-predicted time over recent whole requests.

    Samples older than two minutes are forgotten, so that one slow spell does not refuse
    requests for ever. Until there are enough, the correction is 1. Thread-safe.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()
        self._ordered: list[float] = []
        self._lock = threading.Lock()
        self.high = 1.0
        self.middle = 1.0

    def add(self, ratio: float, now: float) -> None:
        """Take one finished request's actual / mean-predicted seconds."""
        ratio = min(max(ratio, _CLAMP[0]), _CLAMP[1])
        with self._lock:
            if len(self._samples) == _WINDOW:
                self._forget()
            self._samples.append((now, ratio))
            insort(self._ordered, ratio)
            self._take()

    def refresh(self, now: float) -> None:
        """Forget old samples; cheap when there are none."""
        with self._lock:
            count = len(self._samples)
            while self._samples and now - self._samples[0][0] > _WINDOW_S:
                self._forget()
            if len(self._samples) < count:
                self._take()

    def forget(self) -> None:
        """Forget every sample."""
        with self._lock:
            self._samples.clear()
            self._ordered.clear()
            self._take()

    def _forget(self) -> None:
        _, ratio = self._samples.popleft()
        del self._ordered[bisect_left(self._ordered, ratio)]

    def _take(self) -> None:
        if len(self._samples) < _MIN_SAMPLES:
            self.high = self.middle = 1.0
            return
        self.high = at_share(self._ordered, _QUANTILE)
        self.middle = at_share(self._ordered, 0.5)


class CaptionLength:
    """How many words captions take: a high quantile of recent ones, the limit until known."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lengths: deque[int] = deque(maxlen=_WINDOW)
        self.expected = limit

    def add(self, steps: int) -> None:
        """Take one finished caption's decode steps, [EOS] counted."""
        self._lengths.append(steps)
        if len(self._lengths) >= _MIN_SAMPLES:
            self.expected = int(quantile(self._lengths, _QUANTILE))
