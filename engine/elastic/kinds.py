"""Between kinds of rows, which never share a batch: questions of two lengths, captions.

Inside a kind the policy is `legs` and `newcomers`. Between kinds the device goes to the one that
wins most points per second; rows that would soon be too late for a first stop come before that.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.elastic.course import Call
from engine.elastic.legs import gain_rate
from engine.elastic.snapshot import RowView, Snapshot
from engine.elastic.sorting import SortedRows, load

Next = Callable[[SortedRows, Snapshot, float], list[RowView]]


def best_kind(rows: SortedRows, following: Next, snapshot: Snapshot, now: float) -> list[RowView]:
    """Return the batch that runs next; `following` proposes one for each kind."""
    routes = {row.route for row in (*rows.newcomers, *rows.first, *rows.onward)}
    if len({route.kind for route in routes}) <= 1:
        return following(rows, snapshot, now)
    kinds = _split(rows)
    pressed = [row for kind in kinds.values() for row in _pressed(kind, snapshot, now)]
    if pressed:
        most = min(pressed, key=lambda row: (row.priority, row.deadline_s))
        batch = following(kinds[_kind(most)], snapshot, now)
        if batch:
            return batch
    batches = [following(kind, snapshot, now) for kind in kinds.values()]
    return max(batches, key=_rate, default=[])


def _kind(row: RowView) -> Call:
    """Return what rows of a kind have in common: their stem with its shape, or the next word."""
    return row.route.kind


def _split(rows: SortedRows) -> dict[Call, SortedRows]:
    """Return newcomers, first and onward by kind; order is kept."""
    kinds: dict[Call, SortedRows] = {}
    for row in rows.newcomers:
        kinds.setdefault(_kind(row), SortedRows()).newcomers.append(row)
    for row in rows.first:
        kinds.setdefault(_kind(row), SortedRows()).first.append(row)
    for row in rows.onward:
        kinds.setdefault(_kind(row), SortedRows()).onward.append(row)
    return kinds


def _pressed(kind: SortedRows, snapshot: Snapshot, now: float) -> list[RowView]:
    """Return the rows that reach their first stop only if it is soon their turn."""
    together = min(load((*kind.newcomers, *kind.first)), snapshot.max_batch)
    stretch = snapshot.correction * snapshot.numbers.margin * 2
    found = []
    for row in (*kind.newcomers, *kind.first):
        route, position = row.route, row.position
        needed_s = (route.fixed_s[position] + route.row_s[position] * together) * stretch
        if row.deadline_s - now < needed_s:
            found.append(row)
    return found


def _rate(batch: list[RowView]) -> float:
    together = load(batch)
    return sum(gain_rate(row, together) for row in batch)
