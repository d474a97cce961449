"""Which way a row goes where the variants it may become part (patterns off its ladder)."""

from __future__ import annotations

from collections.abc import Sequence

from engine.elastic.course import Route
from engine.elastic.snapshot import RowView, Snapshot
from engine.elastic.sorting import EPSILON_S

Turn = tuple[RowView, Route]

AnswerAhead = tuple[float, int, float]
"""An answer a row may still give: its quality, the calls left to it, their mean seconds."""

BUSY = 0.8
"""A device with more to do than this share of its time has none to spare for a longer way."""


def turns(batch: Sequence[RowView], company: int, snapshot: Snapshot, now: float) -> list[Turn]:
    """Return the rows of a batch that should leave their route before this step, and for which.

    `company`: how many live rows there are.
    """
    found: list[Turn] = []
    for row in batch:
        if row.final or row.position not in row.route.forks:
            continue
        route = _best(row, company, snapshot, now)
        if not route.course.agrees(row.route.course, row.position + 1):
            found.append((row, route))
    return found


def _best(row: RowView, company: int, snapshot: Snapshot, now: float) -> Route:
    """Return the route to the best answer there is time for; on a busy device, to the cheapest.

    A row that has no answer and no time for one takes the quickest way. Else a way is open while
    the device could take every arrival along it, in full batches, or the row has time until every
    row here has gone that way. The choice does not depend on the route the row is on, so a row that
    has turned does not turn back.
    """
    position = row.position
    ways = [r for r in row.route.kin if r.course.agrees(row.route.course, position)]
    slack_s, together = row.deadline_s - now, min(max(company, 1), snapshot.max_batch)
    in_time = [r for r in ways if _is_in_time(r, row, slack_s, snapshot)]
    if not in_time:
        return min(ways, key=lambda r: _quickest(r, position))
    open_ways = [
        r for r in in_time if _keeps_up(r, snapshot) or _time_for_all(r, company, slack_s, snapshot)
    ]
    if open_ways:
        return max(open_ways, key=lambda r: _reaches(r, position, together, slack_s, snapshot))
    return max(in_time, key=lambda r: _gain_rate(r, position, together))


def _is_in_time(route: Route, row: RowView, slack_s: float, snapshot: Snapshot) -> bool:
    """Tell whether a row has an answer, or reaches its next stop in time alone."""
    needed_s = route.alone_s[row.position] * snapshot.correction - row.spent_s
    return route.passed[row.position] > 0 or needed_s <= slack_s + EPSILON_S


def _quickest(route: Route, position: int) -> tuple[float, float]:
    """Return the seconds, alone, to the next stop; of equal ones the better stop is less."""
    return route.alone_s[position], -route.course.stops[route.passed[position]].quality


def _keeps_up(route: Route, snapshot: Snapshot) -> bool:
    fixed_s, row_s = route.rest(0)
    busy = snapshot.arrivals_hz * (fixed_s / snapshot.max_batch + row_s) * snapshot.correction
    return busy < BUSY


def _time_for_all(route: Route, company: int, slack_s: float, snapshot: Snapshot) -> bool:
    """Tell whether the slack is twice what a whole course of every row takes."""
    fixed_s, row_s = route.rest(0)
    whole_s = (fixed_s / snapshot.max_batch + row_s) * snapshot.correction
    return 2 * (company * whole_s + fixed_s) < slack_s


def _reaches(
    route: Route, position: int, together: int, slack_s: float, snapshot: Snapshot
) -> tuple[float, float]:
    """Return (the most quality times chance of being on time, minus the seconds it takes)."""
    chances = snapshot.chances
    return max(
        (quality * chances.in_time(calls, needed_s, slack_s), -needed_s)
        for quality, calls, needed_s in answers_ahead(route, position, together, together)
    )


def answers_ahead(route: Route, position: int, rows: int, together: int) -> list[AnswerAhead]:
    """Return what a row may still answer on its route, nearest stop first.

    Blocks run in batches of `rows`, what follows a stop in one of `together`.
    """
    begin = route.rest(position)
    found = []
    for leg in range(route.passed[position], route.legs):
        stop, tail = route.course.stops[leg], route.tails[leg]
        end = route.rest(stop.steps)
        fixed_s, row_s = begin[0] - end[0], begin[1] - end[1]
        needed_s = fixed_s + row_s * rows + tail[0] + tail[1] * together
        found.append((stop.quality, stop.steps - position + route.tail_calls, needed_s))
    return found


def _gain_rate(route: Route, position: int, together: int) -> float:
    needed_s = route.fixed_s[position] + route.row_s[position] * together
    leg = min(route.passed[position], route.legs - 1)
    return route.gain[leg] / max(needed_s, EPSILON_S)
