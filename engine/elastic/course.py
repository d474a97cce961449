"""Courses: the nested stops a row may answer from, and what each stretch between them costs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from artifact.pattern import SkipPattern

Line = tuple[float, float]
"""Mean seconds of one call: (fixed, per row)."""

Call = tuple[str, int]
"""(stage, shape bucket): rows that wait for the same call may share a batch."""

WORD: Call = ("word", 0)
"""A caption's next word: a decode pass through all its orders."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A variant met on the way: after `steps` steps its readout is complete.

    `quality` is in points of 100 and rises from stop to stop.
    """

    steps: int
    variant: str
    quality: float


@dataclass(frozen=True, slots=True)
class Course:
    """Calls of the deepest variant without its head, and the stops on the way, in order.

    Every stop's executed orders begin those of the next, so a row settles on a variant only when
    it stops. It keeps the readout of the last stop it passed and can answer from that at any time.

    `orders[p]` is what call p runs: an order of the stack, None for a stem. `head` None: the last
    call has the answer (a caption's words, a whole variant in one graph), or the row takes another
    route once it is settled (a caption that has seen its picture).
    """

    calls: tuple[Call, ...]
    orders: tuple[int | None, ...]
    stops: tuple[Stop, ...]
    head: Call | None

    def __post_init__(self) -> None:
        steps = [stop.steps for stop in self.stops]
        if not steps or steps != sorted(set(steps)) or steps[-1] != len(self.calls):
            raise ValueError("stops must be distinct, in order, and end with the last call")
        if len(self.orders) != len(self.calls):
            raise ValueError("every call needs its order, or None")

    def agrees(self, other: Course, steps: int) -> bool:
        """Tell whether a row that has run `steps` steps of this course may follow `other`."""
        mine, theirs = (self.calls, self.orders), (other.calls, other.orders)
        return all(a[:steps] == b[:steps] for a, b in zip(mine, theirs, strict=True))


def chains(
    patterns: Mapping[str, SkipPattern], quality: Mapping[str, float], allowed: Collection[str]
) -> tuple[tuple[str, ...], ...]:
    """Return the ways through the allowed variants, best end first; each shallowest first.

    Each variant of a chain begins the next. Variants no better than a shallower one of their
    chain are left out: no row would go on to them.

    Raises:
        ValueError: if no variant is allowed.
    """
    if not allowed:
        raise ValueError("no variant is allowed")
    found: list[tuple[str, ...]] = []
    for end in sorted(allowed, key=lambda v: (-quality[v], patterns[v].depth)):
        begin = [v for v in allowed if patterns[v].is_prefix_of(patterns[end])]
        chain: list[str] = []
        for variant in sorted(begin, key=lambda v: patterns[v].depth):
            if not chain or quality[variant] > quality[chain[-1]]:
                chain.append(variant)
        if not any(set(chain) <= set(other) for other in found):
            found.append(tuple(chain))
    return tuple(found)


class Route:
    """A course with its mean times, in the form `decide` looks them up.

    Lists by position p (steps done): `calls[p]` the next call and `lines[p]` its times;
    `passed[p]` how many stops lie behind; `fixed_s[p]` and `row_s[p]` the seconds of the calls
    left to an answer from the next stop, head included: fixed_s + n · row_s in batches of n rows;
    `alone_s[p]` for one row alone, `nearest_s[p]` the same on the nearest of its kin from there.
    `rows`: how many rows of a batch it takes (two for a statement, the beams of a caption).
    `kind`: what rows have in common that may ever share a batch. `tails[j]`: what comes after stop
    j: the head, or a caption's words, `tail_calls` calls. `tailed`: that differs from stop to stop.
    `whole_tails[j]`: the same with what is due later, a caption's words after the first.
    `at_stop[p]`: no step since the last stop. `gain[j]`: points won from stop j to stop j + 1.
    `kin`: the routes a row may take, this one among them; at `forks` it may turn to another.
    """

    __slots__ = (
        "_rest",
        "alone_s",
        "at_stop",
        "calls",
        "course",
        "fixed_s",
        "forks",
        "gain",
        "head_call",
        "head_line",
        "kin",
        "kind",
        "legs",
        "lines",
        "nearest_s",
        "passed",
        "row_s",
        "rows",
        "tail_calls",
        "tailed",
        "tails",
        "whole_tails",
    )

    def __init__(
        self,
        course: Course,
        line: Callable[[str, int], Line],
        rows: int = 1,
        tails: Sequence[Line] = (),
        kind: Call | None = None,
        tail_calls: int = 1,
        whole_tails: Sequence[Line] = (),
    ) -> None:
        self.course = course
        self.rows = rows
        self.kind = course.calls[0] if kind is None else kind
        self.kin: tuple[Route, ...] = (self,)
        self.forks: frozenset[int] = frozenset()
        self.legs = len(course.stops)
        self.calls: tuple[Call, ...] = course.calls
        self.lines: list[Line] = [line(*call) for call in self.calls]
        self.head_call: Call | None = course.head
        self.head_line: Line = (0.0, 0.0) if course.head is None else line(*course.head)
        self.tails: list[Line] = list(tails) or [self.head_line] * self.legs
        self.whole_tails, self.tailed = list(whole_tails) or self.tails, bool(tails)
        self.tail_calls = tail_calls if tails or course.head else 0
        ends = [stop.steps for stop in course.stops]
        positions = range(len(course.calls) + 1)
        self.passed = [bisect_right(ends, p) for p in positions]
        self.at_stop = [p in ends for p in positions]
        upto_fixed_s = [0.0, *accumulate(fixed for fixed, _ in self.lines)]
        upto_row_s = [0.0, *accumulate(row for _, row in self.lines)]
        legs = [min(self.passed[p], self.legs - 1) for p in positions]
        ahead = [(p, ends[leg], self.tails[leg]) for p, leg in zip(positions, legs, strict=True)]
        self.fixed_s = [upto_fixed_s[end] - upto_fixed_s[p] + tail[0] for p, end, tail in ahead]
        self.row_s = [upto_row_s[end] - upto_row_s[p] + tail[1] for p, end, tail in ahead]
        self.alone_s = [f + rows * row for f, row in zip(self.fixed_s, self.row_s, strict=True)]
        self.nearest_s = self.alone_s
        self._rest: list[Line] = [
            (upto_fixed_s[-1] - upto_fixed_s[p], upto_row_s[-1] - upto_row_s[p]) for p in positions
        ]
        quality = [0.0, *(stop.quality for stop in course.stops)]
        self.gain = [after - before for before, after in pairwise(quality)]

    def rest(self, position: int) -> Line:
        """Return the seconds (fixed, per row) of all calls left to the last stop."""
        return self._rest[position]

    def tail(self, position: int) -> Line:
        """Return the seconds (fixed, per row) from the last stop passed to its answer."""
        return self.tails[self.passed[position] - 1]

    def due_s(self, position: int) -> float:
        """Return the seconds, alone, that any answer still takes."""
        if not self.passed[position]:
            return self.alone_s[position]
        fixed_s, row_s = self.tail(position)
        return fixed_s + self.rows * row_s

    def banked(self, position: int) -> Stop:
        """Return the stop a row at `position` would answer from.

        Raises:
            ValueError: if it has passed none.
        """
        if not self.passed[position]:
            raise ValueError("no stop is behind the row yet")
        return self.course.stops[self.passed[position] - 1]


def link(routes: Sequence[Route]) -> None:
    """Make routes kin: a row on one may turn to another where the two part."""
    for route in routes:
        route.kin = tuple(routes)
        route.forks = frozenset(
            next(p for p in range(len(route.calls)) if not route.course.agrees(o.course, p + 1))
            for o in routes
            if o is not route
        )
        route.nearest_s = [
            min(o.alone_s[p] for o in routes if o.course.agrees(route.course, p))
            for p in range(len(route.alone_s))
        ]
