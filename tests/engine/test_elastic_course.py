from __future__ import annotations

import pytest

from engine.elastic.course import Course, Route, Stop, nested
from engine.elastic.decide import decide
from engine.elastic.rate import ArrivalRate
from engine.elastic.snapshot import RowView, Snapshot
from engine.elastic.spread import CallSpread
from tests.engine.elastic_worlds import PATTERNS, QUALITY, line


def route() -> Route:
    stops = (Stop(3, "d2", 50.0), Stop(5, "d4", 60.0))
    return Route(Course(("stem[vqa]", *["block[0]"] * 4), stops, "head[vqa]"), 8, line)


def test_stops_are_the_allowed_prefixes_of_the_best() -> None:
    assert nested(PATTERNS, QUALITY, ["d2", "d3", "d6", "p"]) == ("d2", "d3", "d6")
    assert nested(PATTERNS, QUALITY, ["d2", "p"]) == ("p",)
    with pytest.raises(ValueError, match="no variant"):
        nested(PATTERNS, QUALITY, [])


def test_a_course_ends_at_its_last_stop() -> None:
    with pytest.raises(ValueError, match="end with the last stage"):
        Course(("stem[vqa]", "block[0]"), (Stop(1, "d1", 1.0),), "head[vqa]")


def test_times_to_the_next_stop() -> None:
    found = route()
    assert found.fixed_s[0] == pytest.approx(0.3e-3 + 3 * 0.15e-3)
    assert found.row_s[3] == pytest.approx(3 * 0.07e-3)
    assert found.banked(4).variant == "d2"
    with pytest.raises(ValueError, match="no stop"):
        found.banked(2)


def test_a_banked_row_is_settled_before_a_step_that_ends_too_late() -> None:
    row = RowView(1, route(), deadline_s=0.5e-3, expires_s=0.5e-3, position=3)
    decision = decide(Snapshot([row], 8), now=0.0)
    assert (decision.run, decision.final) == (None, (row,))


def test_a_lost_row_waits_behind_a_live_one() -> None:
    lost = RowView(1, route(), deadline_s=1e-4, expires_s=1.0)
    live = RowView(2, route(), deadline_s=0.9, expires_s=1.0)
    run = decide(Snapshot([lost, live], 8), now=0.0).run
    assert run is not None
    assert run.rows == (live,)
    alone = decide(Snapshot([lost], 8), now=0.0).run
    assert alone is not None
    assert alone.rows == (lost,)


@pytest.mark.parametrize("position", [1, 4, 11, 15])
def test_a_newcomer_with_a_long_deadline_rides_along_at_once(position: int) -> None:
    """30 s is a server's default deadline; nobody waits long for company that will not come."""
    ride = Route(
        Course(
            ("stem[vqa]", *["block[0]"] * 16), (Stop(9, "d8", 50.0), Stop(17, "d16", 60.0)), "h"
        ),
        8,
        line,
    )
    rows = [RowView(k, ride, 30.0, 30.0, position=position) for k in range(3)]
    newcomer = RowView(9, ride, 30.1, 30.1)
    snapshot = Snapshot([*rows, newcomer], 8, arrivals_hz=50.0)
    for _ in range(3):
        run = decide(snapshot, now=0.1).run
        assert run is not None
        for row in run.rows:
            row.position += 1
    assert newcomer.position > 0


def held_up(slack_s: float) -> tuple[RowView, ...]:
    """Who runs: three rows before their last leg, or four newcomers that need another stage?"""
    stages = ("stem[vqa]", *["block[0]"] * 4, *["block[1]"] * 2)
    stops = (Stop(3, "d2", 50.0), Stop(5, "d4", 60.0), Stop(7, "d6", 62.0))
    keys = Route(Course(stages, stops, "h"), 8, line)
    rows = [RowView(k, keys, 0.009, 0.009, position=5) for k in range(3)]
    newcomers = [RowView(k + 3, keys, slack_s, slack_s) for k in range(4)]
    run = decide(Snapshot([*rows, *newcomers], 8, arrivals_hz=200.0), now=0.0).run
    assert run is not None
    return run.rows


def test_rows_that_would_be_held_up_go_first_where_that_costs_nobody_points() -> None:
    assert {row.position for row in held_up(slack_s=0.02)} == {5}


def test_newcomers_start_where_waiting_would_cost_them_more() -> None:
    assert {row.position for row in held_up(slack_s=0.0031)} == {0}


def test_spread_of_calls_is_a_guess_until_it_is_known() -> None:
    spread = CallSpread()
    assert spread.over(1.0) == 1.5
    for k in range(64):
        spread.add(1.0 if k % 16 else 2.0)
    assert spread.over(1.0) == 2.0
    assert spread.over(4.0) == 1.0


def test_arrival_rate() -> None:
    rate = ArrivalRate()
    for k in range(100):
        rate.add(k * 0.01)
    assert rate.hz(1.0) == pytest.approx(100, rel=0.05)
    assert rate.hz(10.0) < 10
