"""What happens now: counts that a page may read every second."""

from __future__ import annotations

import math

from starlette.testclient import TestClient

from engine.telemetry import Telemetry
from monitoring.promql import ON_TIME, Scope, offered
from server.observing.activity import activity_of
from tests.server.kit.ready_client import ManualClock, ready_client


def test_counts_are_those_of_the_metrics() -> None:
    telemetry = Telemetry()
    telemetry.offer("vqa", "full", 0.9)
    for outcome in ("ok", "ok", "late", "expired", "cancelled", "error"):
        telemetry.ended("vqa", "full", outcome)
    telemetry.ended("caption", "d1", "ok")
    telemetry.ended("vqa", "none", "refused")
    telemetry.ended("vqa", "none", "invalid")
    telemetry.shed("queue_full")
    under_way = ["a", "b", "c"]
    telemetry.watch_open(lambda: len(under_way), lambda: 0.0)
    found = activity_of(telemetry.registry)
    under_way.clear()
    assert found.open_requests == 3
    assert found.on_time == 3
    assert found.offered == 8
    assert found.answered == {("vqa", "full"): 3, ("caption", "d1"): 1}


def test_what_is_offered_and_on_time_is_what_the_dashboards_say() -> None:
    assert 'outcome!~"invalid|refused"' in offered(Scope("1m"))
    assert "otmv_(requests|shed)_total" in offered(Scope("1m"))
    assert ON_TIME == 'outcome="ok"'


def test_nothing_was_asked_yet(client: TestClient) -> None:
    answer = client.get("/v1/activity")
    assert answer.json() == {"open_requests": 0, "offered": 0, "on_time": 0, "answered": []}


def test_however_many_ask_it_is_counted_twice_a_second() -> None:
    clock, telemetry = ManualClock(), Telemetry()
    with ready_client(telemetry=telemetry, clock=clock) as client:

        def on_time() -> int:
            return int(client.get("/v1/activity").json()["on_time"])

        assert on_time() == 0
        telemetry.ended("vqa", "full", "ok")
        clock.at_s = math.nextafter(clock.at_s + 0.5, 0)
        assert on_time() == 0
        clock.at_s += 0.001
        assert on_time() == 1


def test_it_is_answered_by_a_server_that_loads() -> None:
    with ready_client() as client:
        client.app.state.serving._draining = True
        assert client.get("/v1/activity").status_code == 200
        assert client.get("/readyz").status_code == 503
