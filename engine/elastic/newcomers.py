"""When newcomers start, and how many together.

Starting costs a stem call, so they gather, where batches gain anything; how long depends on whether
they can ride along with the rows that run (same block stage) or would hold them up (another key).
Rows they would hold up go all the way first where that wins more points. Where batches gain
nothing and time is short no row gathers: the earliest deadline goes first, started or not.
"""

from __future__ import annotations

from engine.elastic.course import Call
from engine.elastic.snapshot import RowView, Snapshot, urgency
from engine.elastic.sorting import EPSILON_S, SortedRows, fill, load, reaches, together


def starting(rows: SortedRows, snapshot: Snapshot, now: float) -> list[RowView]:
    """Return the newcomers to start now, or none: those that need the most urgent one's stem."""
    if not rows.newcomers:
        return []
    urgent = rows.newcomers[0]
    call = urgent.route.calls[0]
    group = [row for row in rows.newcomers if row.route.calls[0] == call]
    size = together(group, snapshot.max_batch, now, snapshot.correction)
    if size < snapshot.max_batch:
        ahead = [row for row in group if not rows.first or urgency(row) < urgency(rows.first[0])]
        return fill(ahead, size) or ahead[:1]
    room = snapshot.max_batch - load(rows.first)
    if not (rows.first or rows.onward):
        return _in_time(fill(group, room), rows.first, snapshot, now)
    if rows.first and load(group) > room:
        return []
    if not _due(urgent, group, rows, snapshot, now):
        return []
    return _in_time(fill(group, room) or group[:1], rows.first, snapshot, now)


def _due(
    urgent: RowView, group: list[RowView], rows: SortedRows, snapshot: Snapshot, now: float
) -> bool:
    """Tell whether to start: the slack is gone, or enough have gathered and it is worth it."""
    numbers, route, most = snapshot.numbers, urgent.route, snapshot.max_batch
    slack_s = urgent.deadline_s - now
    ride = route.calls[min(1, len(route.calls) - 1)]
    under_way = [*rows.first, *rows.onward]
    riding = [row for row in under_way if row.route.calls[row.position] == ride]
    gathered = load(group)
    company = min(most, gathered + load(riding))
    needed_s = (route.fixed_s[0] + route.row_s[0] * company) * numbers.margin * snapshot.correction
    if slack_s <= needed_s:
        return True
    held = [row for row in under_way if not _rides_to_the_end(row, ride)]
    if held and _wait_pays(fill(group, most), fill(held, most), snapshot, now):
        return False
    whole_fixed_s, whole_row_s = route.rest(0)
    gather_s = min(slack_s, (whole_fixed_s + whole_row_s * most) * snapshot.correction)
    expected = snapshot.arrivals_hz * gather_s
    if 2 * len(riding) >= len(under_way):
        return len(under_way) < 2 or gathered >= min(expected * numbers.ride_share, most)
    if any(
        not row.route.at_stop[row.position] and row.route.calls[row.position] != ride
        for row in rows.onward
    ):
        return False
    return gathered >= min(max(numbers.wait_least, expected * numbers.wait_share), most)


def _rides_to_the_end(row: RowView, ride: Call) -> bool:
    """Tell whether newcomers share every call left to the row: they never hold it up."""
    calls = row.route.calls
    return calls[row.position] == ride and calls[-1] == ride


def _wait_pays(
    newcomers: list[RowView], held: list[RowView], snapshot: Snapshot, now: float
) -> bool:
    """Tell whether more points are won if `held` go all the way before the newcomers start.

    The other order: newcomers catch up with `held`, then all go on together. A tie goes to the
    rows under way, as in a gang. With more arriving than the device can take all the way, waiting
    never pays: those yet to come would pay for it.
    """
    correction, most = snapshot.correction, snapshot.max_batch
    whole_fixed_s, whole_row_s = newcomers[0].route.rest(0)
    if snapshot.arrivals_hz * (whole_fixed_s / most + whole_row_s) * correction >= 1:
        return False
    left = [row.route.rest(row.position) for row in held]
    new, old = load(newcomers), load(held)
    rest_s = max(fixed_s + row_s * old for fixed_s, row_s in left) * correction
    whole_s = whole_fixed_s + whole_row_s * new
    behind_s = min(fixed_s + row_s * new for fixed_s, row_s in left)
    caught_up = now + (whole_s - behind_s) * correction
    both = min(old + new, most)
    wait = _points(held, now, old, correction)
    wait += _points(newcomers, now + rest_s, new, correction)
    start = _points(held, caught_up, both, correction)
    start += _points(newcomers, now, new, correction)
    return wait >= start


def _points(rows: list[RowView], begin_s: float, batch: int, correction: float) -> float:
    """Return the points that rows win by their deadlines from `begin_s` on, in such batches."""
    points = 0.0
    for row in rows:
        route, position = row.route, row.position
        left_s = (row.deadline_s - begin_s + EPSILON_S) / correction
        fixed_s, row_s = route.rest(position)
        for leg in range(route.passed[position], route.legs):
            after_fixed_s, after_row_s = route.rest(route.course.stops[leg].steps)
            if fixed_s - after_fixed_s + (row_s - after_row_s) * batch > left_s:
                break
            points += route.gain[leg]
    return points


def _in_time(
    group: list[RowView], first: list[RowView], snapshot: Snapshot, now: float
) -> list[RowView]:
    """Return the largest set that reaches its first stop in time and lets `first` reach theirs.

    None, if even one newcomer would make a row under way miss.
    """
    correction = snapshot.correction
    stem_fixed_s, stem_row_s = group[0].route.lines[0]
    under_way = load(first)
    for size in range(len(group), 0, -1):
        starting = load(group[:size])
        batch = starting + under_way
        stem_s = (stem_fixed_s + stem_row_s * starting) * correction
        if not all(reaches(row, batch, correction, now + stem_s) for row in first):
            continue
        fitting = [row for row in group if reaches(row, batch, correction, now)]
        if len(fitting) >= size:
            return fitting[:size]
    return [] if first else group[:1]
