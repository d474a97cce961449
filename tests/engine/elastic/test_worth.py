"""When a row with a banked answer goes deeper."""

from __future__ import annotations

import pytest

from engine.elastic.chances import CallTimes, Chances
from engine.elastic.course import Course, Line, Route, Stop
from engine.elastic.decide import decide
from engine.elastic.snapshot import RowView, Snapshot
from engine.elastic.worth import NextStep, stays_until_s
from tests.engine.elastic.routes import family

CALL_S = 1e-3


def line(stage: str, bucket: int) -> Line:
    return (CALL_S, 0.0)


def ladder(*quality: float) -> Route:
    """Return a route with a stop after each block."""
    stops = tuple(Stop(k + 2, f"d{k + 1}", each) for k, each in enumerate(quality))
    calls = (("stem[vqa]", 8), *[("block[0]", 8)] * len(quality))
    orders = (None, *range(len(quality)))
    return Route(Course(calls, orders, stops, ("head[vqa]", 0)), line)


def tails(share: int = 20, longest: float = 10.0) -> Chances:
    """Return chances where every `share`-th call takes `longest` times as long."""
    times = CallTimes()
    for number in range(500):
        times.add(CALL_S * (longest if number % share == 7 else 1.0), CALL_S, number * 0.01)
    return times.chances


def goes_on(
    quality: tuple[float, float],
    left_s: float,
    chances: Chances,
    least_chance: float | None = None,
    late_worth: float = 0.0,
) -> bool:
    """Tell whether a row goes to the second stop with so much time left at the first."""
    row = RowView(1, ladder(*quality), left_s, left_s + 1.0, position=2, least_chance=least_chance)
    snapshot = Snapshot([row], 8, chances=chances, late_worth=late_worth)
    return not decide(snapshot, now=0.0).final


def test_a_much_better_answer_is_worth_the_risk_and_a_slightly_better_one_is_not() -> None:
    assert goes_on((34.0, 71.0), 5e-3, tails())
    assert not goes_on((82.3, 82.5), 5e-3, tails())
    assert goes_on((82.3, 82.5), 21e-3, tails()), "even the longest call does no harm"


def test_a_strict_row_bets_nothing() -> None:
    assert not goes_on((34.0, 71.0), 5e-3, tails(), least_chance=0.99)
    assert goes_on((34.0, 71.0), 5e-3, tails(), least_chance=0.85)
    assert goes_on((34.0, 71.0), 21e-3, tails(), least_chance=0.99)


def test_a_late_answer_that_is_worth_something_makes_bets_cheaper() -> None:
    assert not goes_on((70.0, 72.0), 5e-3, tails())
    assert goes_on((70.0, 72.0), 5e-3, tails(), late_worth=0.9)
    assert not goes_on((70.0, 72.0), 5e-3, tails(), least_chance=0.99, late_worth=0.9)


def test_a_row_goes_on_late_where_that_is_worth_more_behind_every_live_row() -> None:
    late = RowView(1, ladder(34.0, 71.0), deadline_s=1.5e-3, expires_s=1.0, position=2)
    live = RowView(2, ladder(34.0, 71.0), deadline_s=0.5, expires_s=1.0)

    def runs(rows: list[RowView], worth: float) -> list[int]:
        run = decide(Snapshot(rows, 8, late_worth=worth), now=0.0).run
        return [row.id for row in run.rows] if run else []

    assert runs([late], 0.0) == [], "it is settled"
    assert runs([late], 0.9) == [1]
    assert runs([late, live], 0.9) == [2]
    late.expires_s = 1.6e-3
    assert runs([late], 0.9) == [], "its patience ends before"


def test_where_everything_is_slower_a_row_stops_sooner() -> None:
    calm = tails(longest=1.0)
    assert goes_on((34.0, 71.0), 2.5e-3, calm)
    assert not goes_on((34.0, 71.0), 2.5e-3, Chances(2.0, calm.history))
    assert goes_on((34.0, 71.0), 5e-3, Chances(2.0, calm.history))


def test_a_row_that_waits_for_the_step_of_others_needs_more_time() -> None:
    row = RowView(1, ladder(34.0, 71.0), 1.0, 1.0, position=2)
    snapshot = Snapshot([row], 8, chances=tails(longest=1.0))
    own, longer = (NextStep((calls * CALL_S, 0.0), 1, 1) for calls in (1, 3))
    assert stays_until_s(row, True, own, snapshot) == pytest.approx(2e-3, rel=0.1)
    assert stays_until_s(row, False, longer, snapshot) == pytest.approx(4e-3, rel=0.1)


def test_where_ways_part_a_row_looks_at_all_of_them() -> None:
    """A near stop on the other way is worth a step although the end of its own is too far."""
    routes = family(["d2", "d3", "full"], keys=1, task="vqa", bucket=8)
    far = next(route for route in routes if route.course.stops[-1].variant == "full")
    near = next(route for route in routes if route.course.stops[-1].variant == "d3")
    row = RowView(1, far, 1.2e-3, 1.2e-3, position=3)
    chances = tails(longest=1.0)
    decision = decide(Snapshot([row], 8, chances=chances), now=0.0)
    assert (decision.final, [route for _, route in decision.turn]) == ((), [near])
    row.route = near
    assert decide(Snapshot([row], 8, chances=chances), now=0.0).run is not None


def test_limits_are_worked_out_once() -> None:
    row = RowView(1, ladder(34.0, 71.0), 1.0, 1.0, position=2)
    snapshot = Snapshot([row], 8, chances=tails())
    step = NextStep((CALL_S, 0.0), 1, 1)
    first = stays_until_s(row, True, step, snapshot)
    assert len(snapshot.chances.history.limits) == 1
    assert stays_until_s(row, True, step, snapshot) == first
    assert len(snapshot.chances.history.limits) == 1
