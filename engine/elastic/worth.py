"""Whether going deeper is worth it: quality times the chance of being on time.

A row with a banked answer goes on while the step that comes next raises what its answer is worth on
average. After the step it may answer from its bank, or make for any further stop; so worth after
it is the best of these, and worth before it the mean over what the step may take. A late answer is
worth `late_answer_worth` of its quality. Rows with a least chance of being on time never go below
it by going on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from engine.elastic.chances import ROUNDING, Chances
from engine.elastic.course import Line, Route
from engine.elastic.forks import AnswerAhead, answers_ahead
from engine.elastic.snapshot import RowView, Snapshot

_EXACT = 0.02
"""Limits are found to this share."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """The step that may run next, for whichever rows: its times, and how many rows take it."""

    line: Line
    rows: int
    together: int

    @property
    def mean_s(self) -> float:
        """Its mean seconds."""
        return self.line[0] + self.line[1] * self.rows


def stays_until_s(row: RowView, rides: bool, step: NextStep, snapshot: Snapshot) -> float:
    """Return how much time a row must have left to go on: with less it should answer now.

    `rides`: the step is its own; else it waits meanwhile.
    """
    chances, route, position = snapshot.chances, row.route, row.position
    limit_s, late = 0.0, snapshot.late_worth
    if row.least_chance is not None:
        tail_s = _tail_s(route, position, step.together)
        calls = 1 + route.tail_calls
        limit_s, late = chances.needed_s(calls, step.mean_s + tail_s, row.least_chance), 0.0
    rows = _rounded(step.rows)
    key = (route, position, rides, step.line, rows, late)
    limits = chances.history.limits
    found = limits.get(key)
    if found is None:
        step_s = step.line[0] + step.line[1] * rows
        bet = _Bet(row, rides, (step_s, rows), late, chances)
        found = limits[key] = bet.least_left_s()
    return max(limit_s, found * chances.level)


def _rounded(rows: int) -> int:
    """Return a power of two: limits are worked out for few sizes of batches."""
    return 1 << (rows - 1).bit_length()


def _tail_s(route: Route, position: int, together: int) -> float:
    fixed_s, row_s = route.tail(position)
    return fixed_s + row_s * together


_Bettable = tuple[float, list[float], Line]


class _Bet:
    """A banked row before a step: answer now, or go on? Times are over the level.

    Every answer is (quality, runs of as many calls as it needs, the line from seconds to strays).
    """

    def __init__(
        self, row: RowView, rides: bool, step: tuple[float, int], late: float, chances: Chances
    ) -> None:
        route, position = row.route, row.position
        self._history, self._late, (self._step_s, rows) = chances.history, late, step
        self._tail_s, self._tail_calls = _tail_s(route, position, rows), route.tail_calls
        banked = (route.banked(position).quality, route.tail_calls, self._tail_s)
        self._banked = self._answer(banked)
        kin = [way for way in route.kin if way.course.agrees(route.course, position)]
        ahead = {each for way in kin for each in answers_ahead(way, position, rows, rows)}
        if rides:  # of the calls ahead the first is this step
            ahead = {
                (quality, calls - 1, mean_s - self._step_s) for quality, calls, mean_s in ahead
            }
        self._after = [self._banked, *map(self._answer, ahead)]

    def _answer(self, answer: AnswerAhead) -> _Bettable:
        quality, calls, mean_s = answer
        if calls <= 0 or mean_s <= 0:
            return quality, [0.0], (0.0, 1.0)
        stray_of = self._history.stray_of
        begin = stray_of(calls, mean_s, 0.0)
        return quality, self._history.runs(calls), (begin, stray_of(calls, mean_s, 1.0) - begin)

    def least_left_s(self) -> float:
        """Return from how many seconds on going on is worth it."""
        low_s, worst = self._tail_s, max(self._history.worst, 1.0)
        seconds_of = self._history.seconds_of
        high_s = seconds_of(1, self._step_s, worst) + seconds_of(self._tail_calls, low_s, worst)
        if self._is_worth_it(low_s):
            return -inf
        while high_s - low_s > _EXACT * high_s:
            middle_s = (low_s + high_s) / 2
            if self._is_worth_it(middle_s):
                high_s = middle_s
            else:
                low_s = middle_s
        return high_s

    def _is_worth_it(self, left_s: float) -> bool:
        now, then = self._worth([self._banked], left_s), 0.0
        for share, stray in self._history.bands:
            took_s = self._history.seconds_of(1, self._step_s, stray)
            then += share * self._worth(self._after, left_s - took_s)
        return then >= now - 1e-9

    def _worth(self, answers: Sequence[_Bettable], left_s: float) -> float:
        """Return the worth of the best of these answers."""
        best, late = 0.0, self._late
        for quality, runs, (begin, per_s) in answers:
            if quality > best:
                chance = bisect_right(runs, begin + left_s * per_s + ROUNDING) / len(runs)
                best = max(best, quality * (late + (1 - late) * chance))
        return best
