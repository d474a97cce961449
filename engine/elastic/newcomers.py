"""When newcomers start, and how many together.

Starting costs a stem call, so they gather; how long depends on whether they can ride along with
the rows that run (same block stage) or would hold them up (another key).
"""

from __future__ import annotations

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
    """Tell whether to start: enough have gathered, nearly nobody runs, or the slack is gone."""
    tuning, route = snapshot.tuning, urgent.route
    slack_s = urgent.deadline_s - now
    ride = route.calls[min(1, len(route.calls) - 1)]
    running = len(rows.first) + len(rows.onward)
    riding = [row for row in rows.first if row.route.calls[row.position] == ride]
    riding += [row for row in rows.onward if row.route.calls[row.position] == ride]
    together = min(snapshot.max_batch, len(group) + len(riding))
    needed_s = (route.fixed_s[0] + route.row_s[0] * together) * tuning.margin * snapshot.correction
    if slack_s <= needed_s:
        return True
    expected = snapshot.arrivals_hz * slack_s
    if 2 * len(riding) >= running:
        enough = max(tuning.ride_least, expected * tuning.ride_share)
        return running < 2 or len(group) >= min(enough, snapshot.max_batch)
    if any(not row.route.at_stop[row.position] for row in rows.onward if row not in riding):
        return False
    enough = max(tuning.wait_least, expected * tuning.wait_share)
    return running < 2 or len(group) >= min(enough, snapshot.max_batch)


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
