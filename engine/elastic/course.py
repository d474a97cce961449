"""Courses: the nested stops a row may answer from, and what each stretch between them costs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise

from artifact.pattern import SkipPattern

Line = tuple[float, float]
"""Mean seconds of one call: (fixed, per row)."""

Call = tuple[str, int]
"""(stage, shape bucket): rows that wait for the same call may share a batch."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A variant met on the way: after `steps` steps its read-out is complete.

    `quality` is in points of 100 and rises from stop to stop.
    """

    steps: int
    variant: str
    quality: float


@dataclass(frozen=True, slots=True)
class Course:
    """Steps of the deepest variant without its head, and the stops on the way, in order.

    Every stop's executed orders begin those of the next, so a row settles on a variant only when
    it stops. It keeps the read-out of the last stop it passed and can answer from that at any time.
    """

    stages: tuple[str, ...]
    stops: tuple[Stop, ...]
    head: str

    def __post_init__(self) -> None:
        steps = [stop.steps for stop in self.stops]
        if not steps or steps != sorted(set(steps)) or steps[-1] != len(self.stages):
            raise ValueError("stops must be distinct, in order, and end with the last stage")


def nested(
    patterns: Mapping[str, SkipPattern], quality: Mapping[str, float], allowed: Collection[str]
) -> tuple[str, ...]:
    """Return the allowed variants that begin the best allowed one, shallowest first.

    Variants no better than a shallower one of them are left out: nobody would go on to them.

    Raises:
        ValueError: if no variant is allowed.
    """
    ranked = sorted(allowed, key=lambda v: (quality[v], -patterns[v].depth))
    if not ranked:
        raise ValueError("no variant is allowed")
    best = patterns[ranked[-1]]
    begin = [v for v in ranked if patterns[v].is_prefix_of(best)]
    chosen: list[str] = []
    for variant in sorted(begin, key=lambda v: patterns[v].depth):
        if not chosen or quality[variant] > quality[chosen[-1]]:
            chosen.append(variant)
    return tuple(chosen)


class Route:
    """A course at one shape bucket with its mean times, in the form `decide` looks them up.

    Lists by position p (steps done): `calls[p]` the next call and `lines[p]` its times;
    `passed[p]` how many stops lie behind; `fixed_s[p]` and `row_s[p]` the seconds of the calls
    left to an answer from the next stop, head included: fixed_s + n · row_s in batches of n.
    `at_stop[p]`: no step since the last stop. `gain[j]`: points won from stop j to stop j + 1.
    """

    __slots__ = (
        "_rest",
        "at_stop",
        "calls",
        "course",
        "fixed_s",
        "gain",
        "head_call",
        "head_line",
        "legs",
        "lines",
        "passed",
        "row_s",
    )

    def __init__(self, course: Course, bucket: int, line: Callable[[str, int], Line]) -> None:
        self.course = course
        self.legs = len(course.stops)
        self.calls: list[Call] = [(stage, bucket) for stage in course.stages]
        self.lines: list[Line] = [line(*call) for call in self.calls]
        self.head_call: Call = (course.head, 0)
        self.head_line: Line = line(*self.head_call)
        ends = [stop.steps for stop in course.stops]
        positions = range(len(course.stages) + 1)
        self.passed = [sum(end <= p for end in ends) for p in positions]
        self.at_stop = [p in ends for p in positions]
        left = [self.lines[p : ends[min(self.passed[p], self.legs - 1)]] for p in positions]
        head_fixed_s, head_row_s = self.head_line
        self.fixed_s = [sum(fixed for fixed, _ in lines) + head_fixed_s for lines in left]
        self.row_s = [sum(row for _, row in lines) + head_row_s for lines in left]
        self._rest: list[Line] = [
            (sum(fixed for fixed, _ in self.lines[p:]), sum(row for _, row in self.lines[p:]))
            for p in positions
        ]
        quality = [0.0, *(stop.quality for stop in course.stops)]
        self.gain = [after - before for before, after in pairwise(quality)]

    def rest(self, position: int) -> Line:
        """Return the seconds (fixed, per row) of all calls left to the last stop."""
        return self._rest[position]

    def banked(self, position: int) -> Stop:
        """Return the stop a row at `position` would answer from.

        Raises:
            ValueError: if it has passed none.
        """
        if not self.passed[position]:
            raise ValueError("no stop is behind the row yet")
        return self.course.stops[self.passed[position] - 1]
