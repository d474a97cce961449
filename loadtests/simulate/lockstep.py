"""Rival: lock-step gangs with our own stops, the strongest gang policy we could write.

A gang starts together, its rows never part and none joins. At each stop it goes on unless
`eager` requests wait, or one waits that could not be served after the next leg. Rows keep their
last stop's answer, as ours do. With several keys this is the schedule to beat: every row of a
batch always needs the same stage.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.elastic.snapshot import Decision, RowView, Run, Snapshot
from engine.elastic.sorting import EPSILON_S


@dataclass(frozen=True)
class Lockstep:
    """`decide` of lock-step gangs; `eager`: how many waiting requests end a gang at a stop."""

    eager: int

    def __call__(self, snapshot: Snapshot, now: float) -> Decision:
        """Return the decision."""
        settled = tuple(row for row in snapshot.rows if row.final)
        if settled and settled[0].route.head_call is not None:
            return Decision(Run(*settled[0].route.head_call, settled))
        gang = [row for row in snapshot.rows if row.position]
        waiting: list[RowView] = []
        expire: list[RowView] = []
        for row in snapshot.rows:
            if not row.position:
                soonest_s = now + row.route.fixed_s[0] + row.route.row_s[0]
                (waiting if soonest_s <= row.deadline_s + EPSILON_S else expire).append(row)
        final: list[RowView] = []
        if gang and self._ends(gang, waiting, snapshot, now):
            final, gang = gang, []
        elif gang:
            gang, expire, final = _part_with_late(gang, expire, now)
        if final and final[0].route.head_call is not None:
            return Decision(None, tuple(expire), tuple(final))
        if not gang:
            gang = _new_gang(waiting, snapshot.max_batch, now)
        run = None
        if gang:
            run = Run(*gang[0].route.calls[gang[0].position], tuple(gang))
        return Decision(run, tuple(expire), tuple(final))

    def _ends(
        self, gang: list[RowView], waiting: list[RowView], snapshot: Snapshot, now: float
    ) -> bool:
        route, position = gang[0].route, gang[0].position
        if route.passed[position] == route.legs:
            return True
        if not route.at_stop[position] or not waiting:
            return False
        leg_s = route.fixed_s[position] + route.row_s[position] * len(gang)
        batch = min(len(waiting), snapshot.max_batch)
        needed_s = (route.fixed_s[0] + route.row_s[0] * batch) * snapshot.numbers.margin
        return len(waiting) >= self.eager or waiting[0].deadline_s - now - leg_s < needed_s


def _part_with_late(
    gang: list[RowView], expire: list[RowView], now: float
) -> tuple[list[RowView], list[RowView], list[RowView]]:
    """Return the rows that go on, expire, and answer since this step would end too late."""
    route, position = gang[0].route, gang[0].position
    fixed_s, row_s = (a + b for a, b in zip(route.lines[position], route.head_line, strict=True))
    end_s = now + fixed_s + row_s * len(gang) - EPSILON_S
    stay = [row for row in gang if row.deadline_s >= end_s]
    late = [row for row in gang if row.deadline_s < end_s]
    if route.passed[position]:
        return stay, expire, late
    return stay, expire + late, []


def _new_gang(waiting: list[RowView], max_batch: int, now: float) -> list[RowView]:
    """Return the most urgent requests, as many as let the first reach its first stop in time."""
    for size in range(min(max_batch, len(waiting)), 1, -1):
        route = waiting[0].route
        if now + route.fixed_s[0] + route.row_s[0] * size <= waiting[0].deadline_s + EPSILON_S:
            return waiting[:size]
    return waiting[:1]
