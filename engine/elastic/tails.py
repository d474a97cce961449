"""Rows whose answer costs more the deeper they went: every word of a caption runs every order."""

from __future__ import annotations

from engine.elastic.forks import BUSY
from engine.elastic.snapshot import RowView, Snapshot


def too_dear(row: RowView, snapshot: Snapshot, now: float) -> bool:
    """Tell whether a row at a stop should answer from there, since going on costs too much.

    A question that goes deeper can stop at any time and loses nothing; a caption then pays for it
    with every word. So it goes on only if the device could take every arrival that far in full
    batches, or if there is twice the time that all rows here need to go that far.
    """
    route, position = row.route, row.position
    if not (route.tailed and route.at_stop[position]):
        return False
    leg = route.passed[position]
    after_fixed_s, after_row_s = route.rest(route.course.stops[leg].steps)
    begin_fixed_s, begin_row_s = route.rest(0)
    fixed_s = begin_fixed_s - after_fixed_s + route.whole_tails[leg][0]
    row_s = begin_row_s - after_row_s + route.whole_tails[leg][1]
    whole_s = (fixed_s / snapshot.max_batch + row_s * route.rows) * snapshot.correction
    if snapshot.arrivals_hz * whole_s < BUSY:
        return False
    return 2 * (len(snapshot.rows) * whole_s + fixed_s) >= row.deadline_s - now
