from __future__ import annotations

import pytest

from engine.elastic.course import Course, Route, Stop, nested
from engine.elastic.decide import decide
from engine.elastic.rate import ArrivalRate
from engine.elastic.snapshot import RowView, Snapshot
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


def test_arrival_rate() -> None:
    rate = ArrivalRate()
    for k in range(100):
        rate.add(k * 0.01)
    assert rate.hz(1.0) == pytest.approx(100, rel=0.05)
    assert rate.hz(10.0) < 10
