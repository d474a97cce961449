"""The price of time: what one more second of work would cost the open rows in quality. Pure.

What a row may still win is cut into pieces: points for seconds of the device, due by the row's
deadline. The most points are won by dropping, wherever the work due by a deadline is more than the
time until then, the pieces that are worth least per second. A second less drops a little more at
the first deadline with no time to spare, and no more after it; what is dropped there is the price.
It is the sum of the dual values of that linear program, so it needs no second look at "a second
later".
"""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from itertools import groupby

from engine.elastic.course import Call, Route
from engine.elastic.forks import answers_ahead
from engine.elastic.snapshot import RowView, Snapshot
from engine.elastic.sorting import EPSILON_S, sort_rows

_Piece = tuple[float, float]
"""(points per second, seconds) of a step towards a better answer."""

_Taken = tuple[float, float, float]
"""(points per second, deadline, seconds) of a piece that is in time."""


def price(snapshot: Snapshot, now: float) -> float:
    """Return what a second of other work now would cost, in points of 100 per second.

    0 where all that is open can go as deep as it may, and where nothing is.
    """
    rows = sort_rows(snapshot, now)
    further = [*rows.newcomers, *rows.first, *rows.onward]
    company = _company(further, snapshot.max_batch)
    known: dict[tuple[Route, int, bool], list[_Piece]] = {}
    due: list[tuple[float, list[_Piece]]] = []
    for aims, goes_on in ((further, True), (rows.heads, False), (rows.final, False)):
        for row in aims:
            place = (row.route, row.position, goes_on)
            if place not in known:
                together = company.get(row.route.kind, row.route.rows)
                known[place] = _pieces(row, together, goes_on, snapshot.correction)
            due.append((row.deadline_s, known[place]))
    return _cheapest_at_the_first_limit(_in_time(due, now), now)


def _company(rows: list[RowView], most: int) -> dict[Call, int]:
    """Return how many rows share a batch, by kind."""
    loads: Counter[Call] = Counter()
    for row in rows:
        loads[row.route.kind] += row.route.rows
    return {kind: max(min(load, most), 1) for kind, load in loads.items()}


def _pieces(row: RowView, together: int, goes_on: bool, level: float) -> list[_Piece]:
    """Return what a row may win, the most per second first; a better answer needs what is before.

    An answer that is only worth its time together with a further one makes one piece with it.
    """
    route, position = row.route, row.position
    answers: list[tuple[float, float]] = []
    if route.passed[position]:
        fixed_s, row_s = route.tail(position)
        answers.append((route.banked(position).quality, fixed_s + row_s * together))
    if goes_on:
        ahead = answers_ahead(route, position, together, together)
        answers += [(quality, needed_s) for quality, _, needed_s in ahead]
    share = level * route.rows / together
    pieces: list[tuple[float, float]] = []  # (points, seconds)
    best, spent_s = 0.0, 0.0
    for quality, needed_s in answers:
        if quality <= best:
            continue
        points, seconds = quality - best, max(needed_s * share - spent_s, EPSILON_S)
        best, spent_s = quality, spent_s + seconds
        while pieces and points * pieces[-1][1] > pieces[-1][0] * seconds:
            before = pieces.pop()
            points, seconds = points + before[0], seconds + before[1]
        pieces.append((points, seconds))
    return [(points / seconds, seconds) for points, seconds in pieces]


def _in_time(due: list[tuple[float, list[_Piece]]], now: float) -> list[_Taken]:
    """Return the pieces that are in time where as many points are won as can be."""
    taken: list[_Taken] = []
    total_s = 0.0
    for deadline_s, pieces in sorted(due, key=lambda each: each[0]):
        for rate, seconds in pieces:
            heappush(taken, (rate, deadline_s, seconds))
            total_s += seconds
        while taken and total_s - (deadline_s - now) > EPSILON_S:
            rate, its_deadline_s, seconds = heappop(taken)
            too_long_s = total_s - (deadline_s - now)
            total_s -= seconds
            if seconds - too_long_s > EPSILON_S:
                heappush(taken, (rate, its_deadline_s, seconds - too_long_s))
                total_s += seconds - too_long_s
    return taken


def _cheapest_at_the_first_limit(taken: list[_Taken], now: float) -> float:
    """Return the least points per second until the first deadline with no time to spare."""
    total_s, least = 0.0, float("inf")
    taken.sort(key=lambda piece: piece[1])
    for deadline_s, pieces in groupby(taken, key=lambda piece: piece[1]):
        for rate, _, seconds in pieces:
            total_s, least = total_s + seconds, min(least, rate)
        if total_s >= deadline_s - now - 2 * EPSILON_S * (1 + len(taken)):
            return least
    return 0.0
