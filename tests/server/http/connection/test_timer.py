"""One timer, set again and again, on the event loop that serves."""

from __future__ import annotations

import asyncio
import weakref

import uvloop

from server.http.connection.timer import Timer

_SHORT_S, _LONG_S = 0.02, 0.08


class Watch:
    """Counts what a timer calls, and when."""

    def __init__(self) -> None:
        self.at_s: list[float] = []

    def due(self) -> None:
        self.at_s.append(asyncio.get_running_loop().time())


async def _fired(*sets: float | None, wait_s: float = 3 * _LONG_S) -> list[float]:
    """Return when a timer fired, counted from its last setting."""
    loop, watch = asyncio.get_running_loop(), Watch()
    timer = Timer(loop, watch.due)
    for seconds in sets:
        timer.set(seconds)
    begun_s = loop.time()
    await asyncio.sleep(wait_s)
    timer.stop()
    return [each - begun_s for each in watch.at_s]


def test_it_fires_once_after_the_time_set_last() -> None:
    for sets in ((_SHORT_S, _LONG_S), (_LONG_S,), (_SHORT_S, None, _LONG_S)):
        (after_s,) = uvloop.run(_fired(*sets))
        assert after_s >= _LONG_S - 0.002, sets  # the loop counts whole milliseconds


def test_a_shorter_time_comes_before_a_longer_one_set_before() -> None:
    (after_s,) = uvloop.run(_fired(60.0, _SHORT_S))
    assert after_s >= _SHORT_S - 0.002


def test_none_means_not_at_all() -> None:
    assert uvloop.run(_fired(_SHORT_S, None)) == []


def test_it_may_be_set_again_by_what_it_calls() -> None:
    async def run() -> int:
        loop, count = asyncio.get_running_loop(), 0

        def due() -> None:
            nonlocal count
            count += 1
            if count < 3:
                timer.set(_SHORT_S)

        timer = Timer(loop, due)
        timer.set(_SHORT_S)
        await asyncio.sleep(10 * _SHORT_S)
        return count

    assert uvloop.run(run()) == 3


def test_a_stopped_one_holds_nothing() -> None:
    async def run() -> bool:
        watch = Watch()
        timer = Timer(asyncio.get_running_loop(), watch.due)
        timer.set(60.0)
        timer.set(None)
        timer.stop()
        gone = weakref.ref(watch)
        del watch, timer
        await asyncio.sleep(0)
        return gone() is None

    assert uvloop.run(run())
