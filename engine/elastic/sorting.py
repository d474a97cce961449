"""Live rows, sorted by what they need next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.elastic.course import Line
from engine.elastic.snapshot import RowView, Snapshot

EPSILON_S = 1e-9
"""Rounding: a row that is due exactly when it arrives there is on time."""


PLENTY = 8.0
"""A row has plenty of time if it has this many times what it needs."""

NEARLY = 1.1
"""Batches in which a row costs less than this times what it costs in the largest are as good."""


@dataclass(slots=True)
class SortedRows:
    """Rows by need, each list in order of urgency.

    `expire`: no answer can come in time. `final`: answer from the last stop. `heads`: waiting for
    their head. `newcomers`: nothing run yet. `first`: on the way to their first stop. `onward`:
    banked a stop, on the way to the next. `lost`: will miss their deadline; best effort. Among them
    are rows with an answer, where a better one is worth more although it is late. `gave_way`: those
    of `final` that had the time to go deeper, but others need the device.
    """

    expire: list[RowView] = field(default_factory=list)
    final: list[RowView] = field(default_factory=list)
    heads: list[RowView] = field(default_factory=list)
    newcomers: list[RowView] = field(default_factory=list)
    first: list[RowView] = field(default_factory=list)
    onward: list[RowView] = field(default_factory=list)
    lost: list[RowView] = field(default_factory=list)
    gave_way: list[RowView] = field(default_factory=list)


def sort_rows(snapshot: Snapshot, now: float) -> SortedRows:
    """Sort the snapshot's rows by need; a stop that even a row alone would miss is no aim."""
    rows, correction, start_s = SortedRows(), snapshot.correction, now - EPSILON_S
    for row in snapshot.rows:
        if row.final:
            (rows.heads if row.expires_s > now else rows.expire).append(row)
            continue
        route, position = row.route, row.position
        passed = route.passed[position]
        if passed == route.legs:
            rows.final.append(row)
            continue
        left_s = route.nearest_s[position] * correction - row.spent_s
        soonest_s = start_s + max(left_s, 2 * EPSILON_S)
        if passed:
            if soonest_s <= row.deadline_s:
                rows.onward.append(row)
            else:
                late = soonest_s <= row.expires_s and _better_late(row, snapshot, now)
                (rows.lost if late else rows.final).append(row)
        elif soonest_s <= row.deadline_s:
            (rows.first if position else rows.newcomers).append(row)
        else:
            (rows.lost if soonest_s <= row.expires_s else rows.expire).append(row)
    return rows


def _better_late(row: RowView, snapshot: Snapshot, now: float) -> bool:
    """Tell whether the next stop's answer, late, is worth more than the banked one now."""
    worth = snapshot.late_worth
    if not worth or row.least_chance is not None:
        return False
    route, position = row.route, row.position
    (fixed_s, row_s), passed = route.tail(position), route.passed[position]
    mean_s, left_s = fixed_s + row_s * route.rows, row.deadline_s - now
    chance = snapshot.chances.in_time(route.tail_calls, mean_s, left_s)
    banked, further = (route.course.stops[k].quality for k in (passed - 1, passed))
    return further * worth > banked * (worth + (1 - worth) * chance)


def load(rows: Iterable[RowView]) -> int:
    """Return how many rows of a batch these take."""
    return sum(row.route.rows for row in rows)


def fill(rows: Sequence[RowView], room: int) -> list[RowView]:
    """Return the first of them, as many as there is room for."""
    chosen: list[RowView] = []
    for row in rows:
        room -= row.route.rows
        if room < 0:
            break
        chosen.append(row)
    return chosen


def enough(line: Line, most: int) -> int:
    """Return 1 or 2 if a row costs hardly more in such a batch than in the largest, else `most`.

    Devices that gain from batches at all need more than two rows.
    """
    fixed_s, row_s = line
    limit_s = (fixed_s / most + row_s) * NEARLY
    small = (size for size in (1, 2) if size < most)
    return next((size for size in small if fixed_s / size + row_s <= limit_s), most)


def together(rows: Sequence[RowView], most: int, now: float, correction: float) -> int:
    """Return how many of these, the most urgent first, should go to their first stop together.

    A batch delays its first row for the sake of the others. Where it gains nothing else, that is
    only right while there is plenty of time.
    """
    lead = rows[0]
    route, position = lead.route, lead.position
    fixed_s, row_s = route.fixed_s[position], route.row_s[position]
    needed_s = (fixed_s + row_s * min(load(rows), most)) * correction
    if needed_s * PLENTY <= lead.deadline_s - now:
        return most
    return enough((fixed_s, row_s), most)


def reaches(row: RowView, batch: int, correction: float, now: float) -> bool:
    """Tell whether a row gets to its next stop and answer in time, in batches of that size."""
    route, position = row.route, row.position
    needed_s = (route.fixed_s[position] + route.row_s[position] * batch) * correction
    return now + needed_s - row.spent_s <= row.deadline_s + EPSILON_S
