"""What one more second of work costs the open rows."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy.optimize import linprog

from engine.elastic.chances import GUESS
from engine.elastic.course import Course, Route, Stop
from engine.elastic.price import price
from engine.elastic.snapshot import RowView, Snapshot, urgency

CALL_S = 1e-3


def ladder(*quality: float) -> Route:
    """Return a route with a stop after each block; a call takes a millisecond for each row."""
    stops = tuple(Stop(k + 2, f"d{k + 1}", each) for k, each in enumerate(quality))
    calls = (("stem[vqa]", 8), *[("block[0]", 8)] * len(quality))
    orders = (None, *range(len(quality)))
    course = Course(calls, orders, stops, ("head[vqa]", 0))
    return Route(course, lambda stage, bucket: (0.0, CALL_S))


def at(*rows: RowView, correction: float = 1.0) -> float:
    ordered = sorted(rows, key=urgency)
    return price(Snapshot(ordered, 8, correction=correction, chances=GUESS), now=0.0)


def row(number: int, route: Route, deadline_ms: float, **more: int) -> RowView:
    return RowView(number, route, deadline_ms * 1e-3, 1.0, **more)


def test_nothing_open_costs_nothing() -> None:
    assert at() == 0.0


def test_time_to_spare_costs_nothing() -> None:
    assert at(row(1, ladder(50, 60), 10)) == 0.0


def test_a_row_that_cannot_go_all_the_way_pays_for_its_last_block() -> None:
    """Stem, block and head take 3 ms for 50 points; a further block takes 1 ms for 10."""
    assert at(row(1, ladder(50, 60), 3.5)) == pytest.approx(10 / CALL_S)


def test_a_row_in_the_way_of_others_pays_for_theirs() -> None:
    urgent, patient = row(1, ladder(50), 6), row(2, ladder(50, 52), 6.5)
    assert at(urgent, patient) == pytest.approx(2 / CALL_S)
    third = row(3, ladder(50), 6.5)
    assert at(urgent, patient, third) == pytest.approx(50 / (3 * CALL_S))


def test_slower_calls_make_time_scarce() -> None:
    assert at(row(1, ladder(50, 60), 5)) == 0.0
    assert at(row(1, ladder(50, 60), 5), correction=1.5) == pytest.approx(10 / (1.5 * CALL_S))


def test_a_banked_answer_is_lost_with_its_head() -> None:
    """At its last stop, one millisecond from its answer, and another waits for the same time."""
    banked = row(1, ladder(50), 1.0, position=2)
    assert at(banked) == pytest.approx(50 / CALL_S)


def test_a_lost_row_has_nothing_to_lose() -> None:
    assert at(row(1, ladder(50, 60), 2)) == 0.0
    assert at(row(1, ladder(50, 60), -1)) == 0.0


def test_a_useless_answer_on_the_way_is_one_piece_with_the_next() -> None:
    """1 point after 3 ms, 90 after 4 ms: time is worth 90 points in 4 ms, not 1 in 3."""
    assert at(row(1, ladder(1, 90), 3.9)) == pytest.approx(90 / (4 * CALL_S))


@pytest.mark.parametrize("seed", range(30))
def test_it_is_the_slope_of_the_best_that_can_be_won(seed: int) -> None:
    """A linear program of the same rows loses that much a second when all of them start later."""
    drawn = random.Random(seed)
    rows = []
    for number in range(drawn.randint(1, 12)):
        first = drawn.uniform(30, 60)
        qualities = np.cumsum([first, drawn.uniform(5, 10), drawn.uniform(0.1, 5)])
        rows.append(row(number, ladder(*qualities), drawn.uniform(4, 40)))
    later_s = 1e-7
    slope = (_most_points(rows, 0.0) - _most_points(rows, later_s)) / later_s
    assert at(*rows) == pytest.approx(slope, rel=1e-3, abs=1e-2)


def _most_points(rows: list[RowView], now: float) -> float:
    """Return the points of the best fluid schedule: shares of pieces, each deadline kept."""
    rates, seconds, due = [], [], []
    for each in rows:
        stops = each.route.course.stops
        gains = np.diff([0.0, *(stop.quality for stop in stops)])
        for gain, took_s in zip(gains, (3 * CALL_S, CALL_S, CALL_S), strict=True):
            rates.append(gain / took_s)
            seconds.append(took_s)
            due.append(each.deadline_s)
    deadlines = sorted(set(due))
    until = [[float(d <= limit) for d in due] for limit in deadlines]
    room = [limit - now for limit in deadlines]
    bounds = [(0.0, took_s) for took_s in seconds]
    best = linprog([-rate for rate in rates], A_ub=until, b_ub=room, bounds=bounds)
    assert best.success
    return -float(best.fun)
