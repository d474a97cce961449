"""What a busy event loop reads late came earlier than it is read."""

from __future__ import annotations

import asyncio

from server.http.connection.arrival_clock import ArrivalClock
from tests.engine.pools.fake_backend import FakeClock


class Turns:
    """An event loop whose turns a test takes one by one."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self.clock = FakeClock()
        self.arrivals = ArrivalClock(self.clock)

    def turn(self, *reads_s: float) -> list[float]:
        """Let one turn read at these times, after what was to be called; return the stamps."""
        self._loop.call_soon(self._loop.stop)
        self._loop.run_forever()
        return [self.read(at_s) for at_s in reads_s]

    def read(self, at_s: float) -> float:
        self.clock.time_s = at_s
        return self.arrivals.read_s(self._loop)


def test_what_one_poll_found_came_before_its_first_read() -> None:
    assert Turns().turn(1.0, 1.2, 1.4) == [1.0, 1.0, 1.0]


def test_what_comes_while_callbacks_run_may_have_come_as_soon_as_they_began() -> None:
    turns = Turns()
    assert turns.turn(1.0) == [1.0]
    assert turns.turn(1.5, 1.6) == [1.0, 1.0]
    assert turns.turn(2.5) == [1.5]


def test_a_loop_that_slept_read_at_once() -> None:
    turns = Turns()
    assert turns.turn(1.0) == [1.0]
    turns.turn()
    turns.turn()
    assert turns.turn(9.0) == [9.0]
    assert turns.turn(9.5) == [9.0]
