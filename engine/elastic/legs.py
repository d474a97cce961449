"""Which rows under way take the next block: first stops before further ones, the best gain next."""

from __future__ import annotations

from engine.elastic.course import Call, Route
from engine.elastic.snapshot import RowView, Snapshot
from engine.elastic.sorting import EPSILON_S, SortedRows, enough, fill, load, reaches, together


def to_first_stops(rows: SortedRows, snapshot: Snapshot, now: float) -> list[RowView]:
    """Return the batch that brings rows to their first stop, filled with rows going further."""
    group = _which_first(rows.first, snapshot, now)
    size = together(group, snapshot.max_batch, now, snapshot.correction)
    if size < snapshot.max_batch:
        return fill(group, size) or group[:1]
    room = _room(group, snapshot, now)
    chosen = fill(group, room)
    if room < min(load(group), snapshot.max_batch):
        # A row is too late for a batch of this size: leave it out and fill the batch.
        batch = fill(group, snapshot.max_batch)
        size = load(batch)
        chosen = [row for row in batch if reaches(row, size, snapshot.correction, now)] or group[:1]
        room = load(chosen)
    room -= load(chosen)
    if room > 0:
        call = chosen[0].route.calls[chosen[0].position]
        beside = [row for row in rows.onward if row.route.calls[row.position] == call]
        chosen = chosen + fill(_by_gain(beside, snapshot.max_batch, snapshot, now), room)
    return chosen


def onward(rows: SortedRows, snapshot: Snapshot, now: float) -> list[RowView]:
    """Return the batch going to further stops that gains most per second.

    Newcomers cannot interrupt a step, so it is no larger than the device needs to be well used: on
    a processor that gains little from batches, a row or two.
    """
    best: list[RowView] = []
    best_rate = -1.0
    groups = _groups(rows.onward).values()
    for group in groups:
        ranked = _by_gain(group, min(snapshot.max_batch, load(group)), snapshot, now)
        line = group[0].route.lines[group[0].position]
        few = enough(line, snapshot.max_batch)
        batch = fill(ranked, few) or ranked[:1]
        if len(groups) == 1 and batch:
            return batch
        together = load(batch)
        rate = sum(gain_rate(row, together) for row in batch)
        if rate > best_rate and batch:
            best, best_rate = batch, rate
    return best or rows.onward[:1]


def _which_first(first: list[RowView], snapshot: Snapshot, now: float) -> list[RowView]:
    """Return the rows at one stage; laggards catch up while the leaders' slack allows it."""
    groups = sorted(_groups(first).values(), key=lambda group: group[0].position)
    laggard = groups[0][0]
    rows = load(first)
    together = min(rows, snapshot.max_batch)
    fixed_s = laggard.route.fixed_s[laggard.position]
    catch_up_s = fixed_s + laggard.route.row_s[laggard.position] * together
    limit = now + catch_up_s * snapshot.numbers.margin * snapshot.correction
    if rows > snapshot.max_batch or any(g[0].deadline_s < limit for g in groups[1:]):
        return min(groups, key=lambda group: (group[0].priority, group[0].deadline_s))
    return groups[0]


def _groups(rows: list[RowView]) -> dict[Call, list[RowView]]:
    groups: dict[Call, list[RowView]] = {}
    for row in rows:
        groups.setdefault(row.route.calls[row.position], []).append(row)
    return groups


def _room(group: list[RowView], snapshot: Snapshot, now: float) -> int:
    """Return how many rows a batch may have so that all of `group`'s first ones are in time."""
    room = snapshot.max_batch
    for row in group[:room]:
        route, position = row.route, row.position
        left_s = (row.deadline_s - now + EPSILON_S) / snapshot.correction - route.fixed_s[position]
        if left_s < room * route.row_s[position]:
            room = int(left_s / route.row_s[position])
    return max(room, 1)


def gain_rate(row: RowView, batch: int) -> float:
    """Return the points per second that a row wins on the way to its next stop."""
    route, position = row.route, row.position
    needed_s = route.fixed_s[position] + route.row_s[position] * batch
    return route.gain[route.passed[position]] / max(needed_s, EPSILON_S)


def _by_gain(rows: list[RowView], batch: int, snapshot: Snapshot, now: float) -> list[RowView]:
    """Return the rows that reach their next stop in time, most gain per second first."""
    places: dict[tuple[Route, int], tuple[float, float]] = {}
    scored = []
    for row in rows:
        place = (row.route, row.position)
        if place not in places:
            route, position = place
            needed_s = (
                route.fixed_s[position] + route.row_s[position] * batch
            ) * snapshot.correction
            places[place] = (-gain_rate(row, batch), now + needed_s - EPSILON_S)
        loss_rate, soonest_s = places[place]
        if soonest_s <= row.deadline_s:
            scored.append((row.priority, loss_rate, row.deadline_s, row.id, row))
    scored.sort()
    return [entry[-1] for entry in scored]
