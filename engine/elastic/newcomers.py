"""When newcomers start, and how many together.

Starting costs a stem call, so they gather; how long depends on whether they can ride along with
the rows that run (same block stage) or would hold them up (another key).
"""

from __future__ import annotations

from engine.elastic.course import Route
from engine.elastic.snapshot import RowView, Snapshot
from engine.elastic.sorting import EPSILON_S, Rows


def starting(rows: Rows, snapshot: Snapshot, now: float) -> list[RowView]:
    """Return the newcomers to start now, or none: those that need the most urgent one's stem."""
    if not rows.newcomers:
        return []
    urgent = rows.newcomers[0]
    call = urgent.route.calls[0]
    group = [row for row in rows.newcomers if row.route.calls[0] == call]
    room = snapshot.max_batch - len(rows.first)
    if not (rows.first or rows.onward):
        return _in_time(group[:room], rows.first, snapshot, now)
    if rows.first and len(group) > room:
        return []
    if not _due(urgent, group, rows, snapshot, now):
        return []
    return _in_time(group[: max(room, 1)], rows.first, snapshot, now)


def _due(urgent: RowView, group: list[RowView], rows: Rows, snapshot: Snapshot, now: float) -> bool:
    """Tell whether to start: the slack is gone, or enough have gathered."""
    tuning, route = snapshot.tuning, urgent.route
    slack_s = urgent.deadline_s - now
    ride = route.calls[min(1, len(route.calls) - 1)]
    under_way = [*rows.first, *rows.onward]
    riding = sum(row.route.calls[row.position] == ride for row in under_way)
    together = min(snapshot.max_batch, len(group) + riding)
    needed_s = (route.fixed_s[0] + route.row_s[0] * together) * tuning.margin * snapshot.correction
    if slack_s <= needed_s:
        return True
    if riding < len(under_way) and _room_for_all(under_way, len(group), slack_s, route, snapshot):
        return False
    expected = snapshot.arrivals_hz * slack_s
    if 2 * riding >= len(under_way):
        enough = max(tuning.ride_least, expected * tuning.ride_share)
        return len(under_way) < 2 or len(group) >= min(enough, snapshot.max_batch)
    if any(
        not row.route.at_stop[row.position] and row.route.calls[row.position] != ride
        for row in rows.onward
    ):
        return False
    enough = max(tuning.wait_least, expected * tuning.wait_share)
    return len(group) >= min(enough, snapshot.max_batch)


def _room_for_all(
    under_way: list[RowView], newcomers: int, slack_s: float, route: Route, snapshot: Snapshot
) -> bool:
    """Tell whether those under way and then the newcomers can all go all the way in time.

    So it is if the device would not be busy with the arrivals even in batches of this size, and
    the slack covers what is left of the others' courses and then a whole one.
    """
    correction = snapshot.correction
    whole_fixed_s, whole_row_s = route.rest(0)
    busy = snapshot.arrivals_hz * (whole_fixed_s / newcomers + whole_row_s) * correction
    if busy >= snapshot.tuning.quiet:
        return False
    rest = [row.route.rest(row.position) for row in under_way]
    rest_s = max(fixed_s + row_s * len(under_way) for fixed_s, row_s in rest)
    whole_s = whole_fixed_s + whole_row_s * newcomers
    return (rest_s + whole_s) * snapshot.tuning.margin * correction < slack_s


def _in_time(
    group: list[RowView], first: list[RowView], snapshot: Snapshot, now: float
) -> list[RowView]:
    """Return the largest set that reaches its first stop in time and lets `first` reach theirs.

    None, if even one newcomer would make a row under way miss.
    """
    correction = snapshot.correction
    stem_fixed_s, stem_row_s = group[0].route.lines[0]
    for size in range(len(group), 0, -1):
        batch = size + len(first)
        stem_s = (stem_fixed_s + stem_row_s * size) * correction
        if not all(_reaches(row, batch, correction, now + stem_s) for row in first):
            continue
        fitting = [row for row in group if _reaches(row, batch, correction, now)]
        if len(fitting) >= size:
            return fitting[:size]
    return [] if first else group[:1]


def _reaches(row: RowView, batch: int, correction: float, now: float) -> bool:
    route, position = row.route, row.position
    needed_s = (route.fixed_s[position] + route.row_s[position] * batch) * correction
    return now + needed_s <= row.deadline_s + EPSILON_S
