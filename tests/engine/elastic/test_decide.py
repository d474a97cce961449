from __future__ import annotations

import pytest

from engine.elastic.course import Course, Route, Stop
from engine.elastic.decide import decide
from engine.elastic.snapshot import RowView, Snapshot
from tests.engine.elastic.routes import family, line, two_stops


def test_a_banked_row_is_settled_before_a_step_that_ends_too_late() -> None:
    row = RowView(1, two_stops(), deadline_s=0.5e-3, expires_s=0.5e-3, position=3)
    decision = decide(Snapshot([row], 8), now=0.0)
    assert (decision.run, decision.final) == (None, (row,))


def test_a_lost_row_waits_behind_a_live_one() -> None:
    lost = RowView(1, two_stops(), deadline_s=1e-4, expires_s=1.0)
    live = RowView(2, two_stops(), deadline_s=0.9, expires_s=1.0)
    run = decide(Snapshot([lost, live], 8), now=0.0).run
    assert run is not None
    assert run.rows == (live,)
    alone = decide(Snapshot([lost], 8), now=0.0).run
    assert alone is not None
    assert alone.rows == (lost,)


def test_a_row_turns_to_the_better_way_where_there_is_time_for_it() -> None:
    routes = family(["d2", "d3", "full"], keys=1, task="vqa", bucket=8)
    ladder = next(r for r in routes if r.course.stops[-1].variant == "d3")
    assert ladder.forks == {3}
    row = RowView(1, ladder, deadline_s=1.0, expires_s=1.0, position=3)
    decision = decide(Snapshot([row], 8), now=0.0)
    assert decision.run is None
    (turned,) = decision.turn
    assert turned[1].course.stops[-1].variant == "full"
    row.route = turned[1]
    assert decide(Snapshot([row], 8), now=0.0).run is not None
    hurried = RowView(2, ladder, deadline_s=0.8e-3, expires_s=1.0, position=3)
    assert not decide(Snapshot([hurried], 8), now=0.0).turn
    assert decide(Snapshot([row], 8, arrivals_hz=5e3), now=0.0).run, "busy, but there is time"
    row.deadline_s = 2.0e-3
    assert not decide(Snapshot([row], 8, arrivals_hz=5e3), now=0.0).run, "busy: the short way"


def test_several_steps_run_without_looking_again_where_nothing_can_change() -> None:
    alone = decide(Snapshot([RowView(1, two_stops(), 9.0, 9.0, position=1)], 8), now=0.0).run
    assert alone is not None
    assert alone.steps == 2  # to its first stop
    stem = decide(Snapshot([RowView(1, two_stops(), 9.0, 9.0)], 8), now=0.0).run
    assert stem is not None
    assert stem.steps == 1  # then another stage
    rows = [
        RowView(1, two_stops(), 9.0, 9.0, position=1),
        RowView(2, two_stops(), 9.0, 9.0, position=2),
    ]
    both = decide(Snapshot(rows, 8), now=0.0).run
    one = decide(Snapshot(rows, 1), now=0.0).run
    assert both is not None
    assert one is not None
    assert (both.steps, one.steps) == (1, 1)


def test_a_banked_row_runs_only_so_many_steps_as_it_has_time_for() -> None:
    step_s = 1.5 * (0.15e-3 + 0.07e-3)
    row = RowView(1, two_stops(), deadline_s=2.5 * step_s, expires_s=9.0, position=3)
    run = decide(Snapshot([row], 8), now=0.0).run
    assert run is not None
    assert run.steps == 1


def test_a_crowd_settles_the_rows_with_least_to_gain() -> None:
    rows = [RowView(k, two_stops(), deadline_s=9.0, expires_s=9.0, position=3) for k in range(4)]
    rows.append(RowView(9, two_stops(), deadline_s=9.0, expires_s=9.0))
    decision = decide(Snapshot(rows, 8, crowded=3), now=0.0)
    assert decision.run is None
    assert len(decision.final) == 3
    assert rows[-1] not in decision.final
    assert decision.gave_way == decision.final


def test_a_row_without_time_gives_no_way() -> None:
    row = RowView(1, two_stops(), deadline_s=0.5e-3, expires_s=9.0, position=3)
    decision = decide(Snapshot([row], 8, crowded=1), now=0.0)
    assert (decision.final, decision.gave_way) == ((row,), ())


@pytest.mark.parametrize(("arrivals_hz", "gives_way"), [(0.0, False), (1e4, True)])
def test_a_caption_gives_way_where_its_words_would_hold_up_others(
    arrivals_hz: float, gives_way: bool
) -> None:
    picture = two_stops().course
    route = Route(picture, line, tails=[(1e-3, 1e-3), (2e-3, 2e-3)])
    row = RowView(1, route, deadline_s=0.01, expires_s=9.0, position=3)
    decision = decide(Snapshot([row], 8, arrivals_hz), now=0.0)
    assert decision.gave_way == decision.final == ((row,) if gives_way else ())


@pytest.mark.parametrize("position", [1, 4, 11, 15])
def test_a_newcomer_with_a_long_deadline_rides_along_at_once(position: int) -> None:
    """30 s is a server's default deadline; no row waits long for company that will not come."""
    calls = (("stem[vqa]", 8), *[("block[0]", 8)] * 16)
    stops = (Stop(9, "d8", 50.0), Stop(17, "d16", 60.0))
    ride = Route(Course(calls, (None, *range(16)), stops, ("head[vqa]", 0)), line)
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
    """Return the rows that run: three before their last leg, or four newcomers at a stem."""
    calls = (("stem[vqa]", 8), *[("block[0]", 8)] * 4, *[("block[1]", 8)] * 2)
    stops = (Stop(3, "d2", 50.0), Stop(5, "d4", 60.0), Stop(7, "d6", 62.0))
    keys = Route(Course(calls, (None, *range(6)), stops, ("head[vqa]", 0)), line)
    rows = [RowView(k, keys, 0.009, 0.009, position=5) for k in range(3)]
    newcomers = [RowView(k + 3, keys, slack_s, slack_s) for k in range(4)]
    run = decide(Snapshot([*rows, *newcomers], 8, arrivals_hz=200.0), now=0.0).run
    assert run is not None
    return run.rows


def test_rows_that_would_be_held_up_go_first_where_that_costs_no_points() -> None:
    assert {row.position for row in held_up(slack_s=0.02)} == {5}


def test_newcomers_start_where_waiting_would_cost_them_more() -> None:
    assert {row.position for row in held_up(slack_s=0.0031)} == {0}
