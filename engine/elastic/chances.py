"""How likely calls are to end in time, from what calls took lately; pure but for what was learned.

Two things are kept apart. The *level*: how many times longer than their means calls take now, all
of them. And how far single calls stray from the level of their moment, heavy tails included: the
chance that a few calls are in time is the share of recent runs of as many calls that were. So no
shape of a distribution is assumed, nor that slow calls come alone.

Calls of different lengths are compared as if each took up to a millisecond more than it does, which
interruptions take whatever the call takes; how much is learned (`_alike`; ADR 0027).
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from math import exp, log
from operator import itemgetter
from statistics import NormalDist

from engine.elastic.quantiles import at_share, weighed_median

ROUNDING = 1e-6
"""Of means of runs: a run that takes exactly the time left is in time."""

_EXTRA_S = (0.0, 1e-4, 3e-4, 1e-3)
"""What calls may be taken to last longer than they do."""
_TAIL_SHARE, _CLEARLY = 0.05, 2.0
"""Tails are the longest twentieth; they clearly differ if one is twice the other."""
_CALLS = 512
_LEAST = 32
_REFRESH_S = 1.0
_LEVEL_S = 0.5
_LEVEL_AGE_S = 120.0
_LEVEL_CALLS = (9, 64)
_CLAMP = (0.02, 100.0)
_USUAL_CALLS = 256
_RUNS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32)
"""Lengths of runs that are looked up; others are taken for the next shorter one."""

_BANDS = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 1.0)

Limits = dict[Hashable, float]

_Weighed = tuple[float, float]
"""(actual / mean seconds of a call, what it counts)."""

_Call = tuple[float, float]
"""(seconds over the level of their moment, mean seconds) of a call."""


def _clamped(ratio: float) -> float:
    return min(max(ratio, _CLAMP[0]), _CLAMP[1])


class History:
    """How far recent calls strayed from their moment's level, in the order they ran; read only.

    `extra_s` is what calls are taken to last longer than they do; `limits` is a place for what is
    worked out of the history: it lives as long.
    """

    def __init__(self, strays: Sequence[float], extra_s: float = 0.0) -> None:
        self.extra_s = extra_s
        self._sums = [0.0, *accumulate(strays)]
        self._runs: dict[int, list[float]] = {}
        self.limits: Limits = {}

    def stray_of(self, calls: int, mean_s: float, took_s: float) -> float:
        """Return how many times their means calls took; 1: as long as expected."""
        extra_s = calls * self.extra_s
        return (took_s + extra_s) / (mean_s + extra_s)

    def seconds_of(self, calls: int, mean_s: float, stray: float) -> float:
        """Return what calls take that stray so far: the inverse of `stray_of`."""
        extra_s = calls * self.extra_s
        return stray * (mean_s + extra_s) - extra_s

    def runs(self, calls: int) -> list[float]:
        """Return the mean stray of every run of about `calls` calls, ascending."""
        calls = min(_RUNS[bisect_right(_RUNS, calls) - 1], len(self._sums) - 1)
        found = self._runs.get(calls)
        if found is None:
            begins, ends = self._sums, self._sums[calls:]
            found = sorted((b - a) / calls for a, b in zip(begins, ends, strict=False))
            self._runs[calls] = found
        return found

    @property
    def worst(self) -> float:
        """The largest stray of a single call."""
        return self.runs(1)[-1]

    @cached_property
    def bands(self) -> list[tuple[float, float]]:
        """(share of calls, their mean stray): what the next call may be."""
        ordered, found = self.runs(1), []
        places = [round(edge * len(ordered)) for edge in _BANDS]
        for low, high in pairwise(places):
            if high > low:
                found.append(((high - low) / len(ordered), sum(ordered[low:high]) / (high - low)))
        return found


def _guess() -> History:
    """Return what is assumed until calls were seen: one in a hundred takes 1.5 times its mean."""
    usual = NormalDist(sigma=0.1743)
    steps = [(k * 13 % _LEAST + 0.5) / _LEAST for k in range(_LEAST)]
    return History([exp(usual.inv_cdf(share)) for share in steps])


def _strays(calls: Iterable[_Call], extra_s: float) -> list[float]:
    return [_clamped((took_s + extra_s) / (mean_s + extra_s)) for took_s, mean_s in calls]


def _alike(calls: Sequence[_Call]) -> History:
    """Return the history in which the tails of short and of long calls are most alike.

    Nothing is added unless many calls were seen, and they clearly differ as they are.
    """
    if len(calls) < _CALLS // 2:
        return History(_strays(calls, 0.0))
    by_mean = sorted(calls, key=itemgetter(1))
    halves = by_mean[: len(calls) // 2], by_mean[len(calls) // 2 :]
    longest = round(_TAIL_SHARE * len(halves[0]))

    def apart(extra_s: float) -> float:
        tails = [sum(sorted(_strays(half, extra_s))[-longest:]) for half in halves]
        return abs(log(tails[0] / tails[1]))

    extra_s = 0.0 if apart(0.0) < log(_CLEARLY) else min(_EXTRA_S, key=apart)
    return History(_strays(calls, extra_s), extra_s)


class Chances:
    """Chances at one moment: `level`, and the history of single calls."""

    __slots__ = ("history", "level")

    def __init__(self, level: float, history: History) -> None:
        self.level = level
        self.history = history

    def in_time(self, calls: int, mean_s: float, left_s: float) -> float:
        """Return the chance that `calls` calls of `mean_s` altogether end within `left_s`."""
        if calls <= 0 or mean_s <= 0:
            return float(left_s >= 0)
        runs = self.history.runs(calls)
        stray = self.history.stray_of(calls, mean_s, left_s / self.level)
        return bisect_right(runs, stray + ROUNDING) / len(runs)

    def needed_s(self, calls: int, mean_s: float, share: float) -> float:
        """Return the least time within which they end with the chance `share`."""
        if calls <= 0 or mean_s <= 0:
            return 0.0
        stray = at_share(self.history.runs(calls), share)
        return self.level * self.history.seconds_of(calls, mean_s, stray)


GUESS = Chances(1.0, _guess())


class CallTimes:
    """Learns chances from single calls. Thread-safe.

    The level is the median of actual / mean over the last half second, of 9 to 64 calls: one slow
    call does not move it, half a second of them does. The `usual` level is smoothed over some
    hundred calls, and forgotten only with the means that calls are compared with. Calls count by
    their means: short ones are mostly interruptions.
    """

    def __init__(self) -> None:
        self._seen: deque[_Call] = deque(maxlen=_CALLS)
        self._recent: deque[tuple[float, _Weighed]] = deque()
        self._ordered: list[_Weighed] = []
        self._history = GUESS.history
        self._made_s = 0.0
        self._new = 0
        self._lock = threading.Lock()
        self._log_usual, self._mean_s, self._calls = 0.0, 0.0, 0
        self.level = 1.0

    @property
    def usual(self) -> float | None:
        """How many times longer than their means calls usually take; None: too few were seen."""
        return exp(self._log_usual / self._mean_s) if self._calls >= _USUAL_CALLS else None

    def add(self, took_s: float, mean_s: float, now: float) -> None:
        """Take one call: what it took, and its mean as the latency profile says, more than 0."""
        ratio = _clamped(took_s / mean_s)
        with self._lock:
            self._seen.append((took_s / self.level, mean_s))
            self._move_level((ratio, mean_s), now)
            if took_s > 0:  # else the clock is too coarse for it
                self._smooth(log(ratio), mean_s)
            self._new += 1
            if self._is_due(now):
                self._history, self._made_s, self._new = _alike(self._seen), now, 0

    def refresh(self, now: float) -> None:
        """Forget a level that is two minutes old."""
        if self._recent and now - self._recent[-1][0] > _LEVEL_AGE_S:
            self.forget_level()

    def forget_level(self) -> None:
        """Forget how slow calls were; how far they stray from each other is kept."""
        with self._lock:
            self._recent.clear()
            self._ordered.clear()
            self.level = 1.0

    def begin_anew(self) -> None:
        """Forget every level: calls are compared with other means from now on."""
        self.forget_level()
        with self._lock:
            self._log_usual, self._mean_s, self._calls = 0.0, 0.0, 0

    def _smooth(self, log_ratio: float, mean_s: float) -> None:
        """Move the usual level: a mean of logarithms, so that a few long calls weigh little."""
        self._calls = min(self._calls + 1, _USUAL_CALLS)
        self._log_usual += (log_ratio * mean_s - self._log_usual) / self._calls
        self._mean_s += (mean_s - self._mean_s) / self._calls

    def _move_level(self, call: _Weighed, now: float) -> None:
        least, most = _LEVEL_CALLS
        self._recent.append((now, call))
        insort(self._ordered, call)
        while len(self._recent) > least and (
            len(self._recent) > most or now - self._recent[0][0] > _LEVEL_S
        ):
            _, gone = self._recent.popleft()
            del self._ordered[bisect_left(self._ordered, gone)]
        if len(self._ordered) >= least:
            self.level = weighed_median(self._ordered)

    def _is_due(self, now: float) -> bool:
        if self._new < _LEAST:
            return False
        return self._history is GUESS.history or now - self._made_s >= _REFRESH_S

    @property
    def chances(self) -> Chances:
        """What is known now."""
        return Chances(self.level, self._history)
