"""Large pictures never keep a worker from small ones, and are not kept waiting for ever."""

from __future__ import annotations

import asyncio

import pytest

from server.pictures.lanes import Lanes, Place
from tests.server.kit.ready_client import ManualClock

MB = 10**6


async def asked(lanes: Lanes, large: bool, decoded_bytes: int = MB) -> asyncio.Task[Place]:
    task = asyncio.ensure_future(lanes.enter(large, decoded_bytes))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize(("workers", "at_once"), [(1, 1), (2, 1), (4, 3)])
def test_large_pictures_leave_one_worker_free(workers: int, at_once: int) -> None:
    async def scenario() -> None:
        lanes = Lanes(workers, 1000 * MB, ManualClock())
        large = [await asked(lanes, True) for _ in range(workers + 1)]
        assert [task.done() for task in large] == [True] * at_once + [False] * (
            workers + 1 - at_once
        )
        small = await asked(lanes, False)
        assert small.done() == (workers > 1)
        lanes.leave(large[0].result())
        await asyncio.sleep(0)
        assert small.done()

    asyncio.run(scenario())


def test_large_pictures_share_the_memory() -> None:
    async def scenario() -> None:
        lanes = Lanes(4, 100 * MB, ManualClock())
        huge = await asked(lanes, True, 300 * MB)
        assert huge.done()  # alone it may be larger than the limit
        second = await asked(lanes, True, 60 * MB)
        third = await asked(lanes, True, 50 * MB)
        small = await asked(lanes, False, 300 * MB)
        assert (second.done(), third.done(), small.done()) == (False, False, True)
        lanes.leave(huge.result())
        await asyncio.sleep(0)
        assert (second.done(), third.done()) == (True, False)
        lanes.leave(second.result())
        await asyncio.sleep(0)
        assert third.done()

    asyncio.run(scenario())


def test_a_large_picture_that_waited_long_goes_first() -> None:
    async def scenario() -> None:
        clock = ManualClock()
        lanes = Lanes(1, 100 * MB, clock)
        first = await asked(lanes, False)
        large = await asked(lanes, True)
        small = [await asked(lanes, False) for _ in range(2)]
        lanes.leave(first.result())
        await asyncio.sleep(0)
        assert (small[0].done(), large.done()) == (True, False)
        clock.at_s += 1.5
        lanes.leave(small[0].result())
        await asyncio.sleep(0)
        assert (small[1].done(), large.done()) == (False, True)

    asyncio.run(scenario())


def test_places_of_cancelled_requests_are_given_on() -> None:
    async def scenario() -> None:
        lanes = Lanes(2, 100 * MB, ManualClock())
        first = await asked(lanes, True, 80 * MB)
        blocked, behind = await asked(lanes, True, 80 * MB), await asked(lanes, True, 10 * MB)
        small = await asked(lanes, False)
        waiting = await asked(lanes, False)
        lanes.leave(first.result())  # grants what waits; both are cancelled before they run
        for task in (waiting, blocked):
            task.cancel()
        await asyncio.wait([waiting, blocked])
        await asyncio.sleep(0)
        assert behind.done()
        lanes.leave(behind.result())
        lanes.leave(small.result())
        again = [await asked(lanes, False), await asked(lanes, False)]
        assert all(task.done() for task in again)

    asyncio.run(scenario())
