"""A request whose body is there enters at the door: its task runs later, behind many others."""

from __future__ import annotations

import asyncio
import json

import pytest

from engine.telemetry import Telemetry
from server.errors import FrontBusy
from server.front.front import Front
from server.front.gate import At, Gate, Visit
from tests.engine.pools.fake_backend import FakeClock


class Door:
    """A front with few places, and what comes to it."""

    def __init__(self, places: int = 1) -> None:
        self.clock = FakeClock()
        self.front = Front(Gate(places, 10), self.clock, Telemetry(), {None: 1.0}, lambda: True)

    def knock(self, limit_s: float = 1.0, *, whole: bool = True) -> Visit:
        body = json.dumps({"max_latency_ms": limit_s * 1e3}).encode()
        return self.front.knock("vqa", "a", self.clock.now_s(), None, body, whole=whole)


def test_many_that_come_at_once_do_not_all_enter() -> None:
    door = Door()
    assert [door.knock().at for _ in range(3)] == [At.FRONT, At.LINE, At.LINE]
    with pytest.raises(FrontBusy):
        door.knock(0.001)


def test_a_body_that_still_comes_takes_no_place() -> None:
    door = Door()
    assert [door.knock(whole=False).at for _ in range(3)] == [At.DOOR] * 3
    assert door.knock().at is At.FRONT


def test_it_waits_in_its_task_for_the_place_that_it_asked_for() -> None:
    async def scenario() -> None:
        door = Door()
        first, second = door.knock(), door.knock()
        await door.front.enter(first, b"")
        waiting = asyncio.ensure_future(door.front.enter(second, b""))
        await asyncio.sleep(0)
        assert not waiting.done()
        door.front.end(first)
        await waiting
        assert second.at is At.FRONT

    asyncio.run(scenario())


@pytest.mark.parametrize("waits", [False, True])
def test_it_is_told_that_its_time_ran_out_in_the_line(waits: bool) -> None:
    async def scenario() -> None:
        door = Door(places=2)
        first, _, late = door.knock(), door.knock(), door.knock(0.1)
        entering = asyncio.ensure_future(door.front.enter(late, b""))
        if waits:
            await asyncio.sleep(0)
        door.clock.time_s += 0.5
        door.front.end(first)
        with pytest.raises(FrontBusy):
            await entering

    asyncio.run(scenario())
