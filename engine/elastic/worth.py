"""Whether going deeper is worth it: quality times the chance of being on time.

A row with a banked answer goes on while the step that comes next raises what its answer is worth on
average. After the step it may answer from its bank, or make for any further stop; so worth after
it is the best of these, and worth before it the mean over what the step may take. A late answer is
worth `late_answer_worth` of its quality. Rows with a least chance of being on time never go below
it by going on.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from engine.elastic.chances import Chances
from engine.elastic.course import Line, Route
from engine.elastic.forks import answers_ahead
from engine.elastic.snapshot import RowView, Snapshot

_HALVINGS = 9


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
    limit_s = 0.0
    if row.least_chance is not None:
        tail_s = _tail_s(route, position, step.together)
        calls = 1 + route.tail_calls
        limit_s = chances.needed_s(calls, step.mean_s + tail_s, row.least_chance)
    late = 0.0 if row.least_chance is not None else snapshot.late_worth
    key = (route, position, rides, step.line, _rounded(step.rows), _rounded(step.together), late)
    limits = chances.history.limits
    found = limits.get(key)
    if found is None:
        found = limits[key] = _Bet(row, rides, step, late).least_left_s(chances)
    return max(limit_s, found * chances.level)


def _rounded(rows: int) -> int:
    """Return a power of two: limits are worked out for few sizes of batches."""
    return 1 << (rows - 1).bit_length()


def _tail_s(route: Route, position: int, together: int) -> float:
    fixed_s, row_s = route.tail(position)
    return fixed_s + row_s * together


class _Bet:
    """A banked row before a step: answer now, or go on? Times are over the level."""

    def __init__(self, row: RowView, rides: bool, step: NextStep, late: float) -> None:
        route, position = row.route, row.position
        rows, together = _rounded(step.rows), _rounded(step.together)
        self._late = late
        self._step_s = step.line[0] + step.line[1] * rows
        tail_s = _tail_s(route, position, together)
        self._banked = (route.banked(position).quality, route.tail_calls, tail_s)
        kin = [way for way in route.kin if way.course.agrees(route.course, position)]
        self._ahead = {
            answer for way in kin for answer in answers_ahead(way, position, rows, together)
        }
        if rides:  # of the calls ahead the first is this step
            self._ahead = {
                (quality, calls - 1, needed_s - self._step_s)
                for quality, calls, needed_s in self._ahead
            }

    def least_left_s(self, chances: Chances) -> float:
        """Return from how many seconds on going on is worth it."""
        low_s = self._banked[2]
        high_s = (self._step_s + low_s) * max(chances.history.worst, 1.0)
        if self._is_worth_it(low_s, chances):
            return -inf
        for _ in range(_HALVINGS):
            middle_s = (low_s + high_s) / 2
            if self._is_worth_it(middle_s, chances):
                high_s = middle_s
            else:
                low_s = middle_s
        return high_s

    def _is_worth_it(self, left_s: float, chances: Chances) -> bool:
        now = self._worth(self._banked, left_s, chances)
        then = 0.0
        for share, stray in chances.history.bands:
            after_s = left_s - self._step_s * stray
            best = self._worth(self._banked, after_s, chances)
            for stop in self._ahead:
                best = max(best, self._worth(stop, after_s, chances))
            then += share * best
        return then >= now - 1e-9

    def _worth(self, stop: tuple[float, int, float], left_s: float, chances: Chances) -> float:
        quality, calls, needed_s = stop
        chance = chances.at_level(calls, needed_s, left_s)
        return quality * (self._late + (1 - self._late) * chance)
