"""What can wait is done while no request is open, piece by piece, and never harms the loop."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from engine.errors import Draining
from engine.loop.idle.idle_time import IdleTime
from engine.loop.inbox import Inbox
from engine.requests.open_requests import OpenRequests
from engine.telemetry import Telemetry
from tests.engine.loop.idle.scripted_work import ScriptedWork
from tests.engine.pools import inside
from tests.engine.pools.fake_backend import FakeClock
from tests.engine.pools.fake_engine import FakeEngine

UNTIL_S = 20


@pytest.fixture(autouse=True)
def no_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has to be quiet before idle work begins, so that no test waits for that."""
    monkeypatch.setattr("engine.loop.idle.idle_time._QUIET_S", 0.001)


GiveWork = Callable[[ScriptedWork], FakeEngine]


@pytest.fixture
def given(engine: FakeEngine) -> GiveWork:
    """Gives the engine something that can wait."""

    def give(work: ScriptedWork) -> FakeEngine:
        inside.give_idle_work(engine.pool, work)
        return engine

    return give


def test_an_idle_engine_does_all_of_it_and_then_sleeps(given: GiveWork) -> None:
    work = ScriptedWork(5)
    engine = given(work)
    assert work.ended.wait(UNTIL_S)
    assert engine.send().result(UNTIL_S)
    assert work.heard == ["piece"] * 5 + ["pause"]


def test_a_request_waits_for_one_piece_at_most(given: GiveWork) -> None:
    inside_piece, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        inside_piece.set()
        assert go_on.wait(UNTIL_S)

    work = ScriptedWork(10**9, hold)
    engine = given(work)
    assert inside_piece.wait(UNTIL_S)
    engine.backend.hold()
    future = engine.send()
    go_on.set()
    engine.backend.wait_inside()
    assert work.heard == ["piece", "pause"]  # the one that was under way, and not another
    engine.backend.gate.set()
    assert future.result(UNTIL_S)
    work.left = 1
    assert work.ended.wait(UNTIL_S)


def test_a_request_whose_picture_is_being_decoded_is_open(given: GiveWork) -> None:
    work = ScriptedWork(0)
    engine = given(work)
    admitted = engine.admit()
    work.left = 3
    inside.parts(engine.pool).executor.wake()
    assert not work.ended.wait(0.05)
    assert work.heard == []
    engine.pool.cancel(admitted)
    assert work.ended.wait(UNTIL_S)


def test_what_it_throws_is_logged_and_harms_nothing(
    given: GiveWork, caplog: pytest.LogCaptureFixture
) -> None:
    thrown: list[int] = []
    given_up = threading.Event()

    def fail() -> None:
        thrown.append(1)
        if len(thrown) == 16:
            given_up.set()
        raise ZeroDivisionError

    work = ScriptedWork(100, fail)
    engine = given(work)
    assert given_up.wait(UNTIL_S)
    assert engine.send().result(UNTIL_S)
    assert engine.pool.drain(UNTIL_S)
    engine.pool.close()
    assert not engine.pool.ready
    assert work.heard == ["drop"] * 16
    assert len(thrown) == 16
    assert "ZeroDivisionError" in caplog.text


def test_a_piece_that_does_not_end_is_seen_once_a_request_waits_for_it(given: GiveWork) -> None:
    inside_piece, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        inside_piece.set()
        assert go_on.wait(UNTIL_S)

    engine = given(ScriptedWork(1, hold))
    read = engine.pool.telemetry.registry.get_sample_value
    assert inside_piece.wait(UNTIL_S)
    engine.clock.time_s += 70.0
    assert engine.pool.silent_s == 0.0
    assert read("otmv_engine_silent_seconds") == 0.0
    request = engine.admit()
    assert engine.pool.silent_s == pytest.approx(70.0)
    engine.pool.cancel(request)
    go_on.set()


def test_draining_and_closing_do_not_wait_for_it(
    given: GiveWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.loop.executor._LAST_STEP_S", 0.05)
    inside_piece, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        inside_piece.set()
        assert go_on.wait(UNTIL_S)

    work = ScriptedWork(3, hold)
    engine = given(work)
    assert inside_piece.wait(UNTIL_S)
    assert engine.pool.drain(0.0)
    with pytest.raises(Draining):
        engine.admit()
    engine.pool.close()
    go_on.set()
    assert not work.ended.wait(0.05)
    assert work.heard in ([], ["piece"], ["piece", "pause"])


@pytest.fixture
def alone() -> tuple[Inbox, OpenRequests]:
    return Inbox(), OpenRequests(4, Telemetry())


def test_after_a_drain_no_piece_begins(alone: tuple[Inbox, OpenRequests]) -> None:
    inbox, requests = alone
    work = ScriptedWork(3)
    idle = IdleTime(inbox, requests, [work], FakeClock())
    assert requests.drain(0.0)
    threading.Timer(0.02, inbox.wake).start()
    idle.wait()
    assert work.heard == []


def test_the_first_work_has_all_pieces_before_the_second(
    alone: tuple[Inbox, OpenRequests],
) -> None:
    inbox, requests = alone
    first, second = ScriptedWork(2), ScriptedWork(2, inbox.wake)
    IdleTime(inbox, requests, [first, second], FakeClock()).wait()
    assert first.heard == ["piece", "piece", "pause"]
    assert second.heard == ["piece", "pause"]


def test_work_that_cannot_be_dropped_is_given_up(alone: tuple[Inbox, OpenRequests]) -> None:
    inbox, requests = alone

    class Broken(ScriptedWork):
        def drop(self) -> None:
            raise ZeroDivisionError

    def fail() -> None:
        raise ZeroDivisionError

    broken, other = Broken(9, fail), ScriptedWork(1, inbox.wake)
    IdleTime(inbox, requests, [broken, other], FakeClock()).wait()
    assert (broken.left, other.left) == (9, 0)


def test_without_work_the_engine_sleeps() -> None:
    """No clock wakes it: `wait` has no timeout then."""
    seen = []

    class WatchedInbox(Inbox):
        def wait(self, timeout_s: float | None = None) -> bool:
            seen.append(timeout_s)
            return super().wait(timeout_s)

    inbox = WatchedInbox()
    inbox.wake()
    IdleTime(inbox, OpenRequests(4, Telemetry()), [ScriptedWork(0)], FakeClock()).wait()
    IdleTime(inbox, OpenRequests(4, Telemetry()), [ScriptedWork(1)], FakeClock()).wait()
    assert seen == [None, 0.001]
