"""An end to whatever a picture does to its worker, while others are answered."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from loadtests.siege.attackers import pictures as bombs
from pictures import limits
from pictures.errors import DecodeWorkerDied, ImageTooComplex, ImageUnreadable
from pictures.headers import read_header
from tests.server.kit.ready_client import ManualClock
from tests.server.pictures.decoding import (
    CLOCK,
    LIMIT,
    SLOW,
    SMALL,
    a_small_one,
    busy,
    decode,
    decoding,
    until,
)


def test_a_picture_that_takes_too_long_is_stopped_while_others_are_answered() -> None:
    async def scenario() -> None:
        async with decoding(timeout_s=0.3) as decoder:
            await a_small_one(decoder)
            first = decoder.worker_pids
            started_s = CLOCK.now_s()
            slow = [asyncio.ensure_future(decode(decoder, SLOW)) for _ in range(2)]
            await until(lambda: busy(decoder) > 0)
            assert busy(decoder) == 1  # the other one waits: large pictures leave a worker free
            assert await a_small_one(decoder) < 0.25
            for each in slow:
                with pytest.raises(ImageTooComplex, match="too long"):
                    await each
            assert CLOCK.now_s() - started_s < 5
            assert len(decoder.worker_pids) == 2
            assert set(first) != set(decoder.worker_pids)
            await a_small_one(decoder)

    asyncio.run(scenario())


def test_processor_time_is_limited_by_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_CPU_FIXED_S", 0.05)
    monkeypatch.setattr(limits, "_CPU_S_PER_MEGAPIXEL", 0.0)

    async def scenario() -> None:
        async with decoding() as decoder:
            with pytest.raises(ImageTooComplex, match="too long"):
                await decode(decoder, SLOW)
            await a_small_one(decoder)

    asyncio.run(scenario())


def test_memory_is_limited_in_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_OWN_BYTES", 20 * 2**20)
    monkeypatch.setattr(limits, "LIMIT_BYTES_PER_PIXEL", 0)

    async def scenario() -> None:
        async with decoding() as decoder:
            with pytest.raises(MemoryError):
                await decode(decoder, bombs.png(4000, 8, 2))
            assert len(decoder.worker_pids) == 2
            await a_small_one(decoder)

    asyncio.run(scenario())


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_dies_fails_its_own_picture_only(sent: signal.Signals) -> None:
    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            slow = asyncio.ensure_future(decode(decoder, SLOW))
            await until(lambda: busy(decoder) == 1)
            waiting = asyncio.ensure_future(a_small_one(decoder))
            (pid,) = decoder.worker_pids
            os.kill(pid, sent)
            with pytest.raises(DecodeWorkerDied):
                await slow
            await waiting
            assert decoder.worker_pids not in ([], [pid])

    asyncio.run(scenario())


def test_a_worker_that_died_while_idle_is_replaced_unseen() -> None:
    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            os.kill(decoder.worker_pids[0], signal.SIGKILL)
            await until(lambda: not decoder.worker_pids)
            await a_small_one(decoder)

    asyncio.run(scenario())


def test_a_request_that_expires_ends_then() -> None:
    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            for waits in (False, True):
                started_s = CLOCK.now_s()
                slow = [decode(decoder, SLOW, started_s + 0.2) for _ in range(1 + waits)]
                ends = await asyncio.gather(*slow, return_exceptions=True)
                assert [type(end) for end in ends] == [TimeoutError] * len(slow)
                assert CLOCK.now_s() - started_s < 0.8
            await a_small_one(decoder)

    asyncio.run(scenario())


def test_a_timer_that_is_early_does_not_make_it_the_pictures_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event loop's timers may be a millisecond early: here the clock stands still."""

    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            monkeypatch.setattr(decoder, "_clock", ManualClock())
            with pytest.raises(TimeoutError):
                await decode(decoder, SLOW, decoder._clock.now_s() + 0.2)

    asyncio.run(scenario())


def test_a_cancelled_request_costs_no_worker() -> None:
    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            pids = decoder.worker_pids
            medium = bombs.png(2000, 8, 2)
            tasks = [asyncio.ensure_future(decode(decoder, medium)) for _ in range(3)]
            await until(lambda: busy(decoder) == 1)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await a_small_one(decoder)
            assert decoder.worker_pids == pids
            await until(lambda: busy(decoder) == 0)
            assert decoder.predict_s(read_header(SMALL, LIMIT)) < 0.05  # nothing is left in it

    asyncio.run(scenario())


def test_expired_requests_cost_no_worker() -> None:
    """A new one takes longer to start than a picture takes: overload would feed on itself."""

    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            pids = decoder.worker_pids
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await decode(decoder, bombs.png(2000, 8, 2), CLOCK.now_s() + 0.01)
                await a_small_one(decoder)
            assert decoder.worker_pids == pids

    asyncio.run(scenario())


def test_large_pictures_are_decoded_where_the_processor_is_left() -> None:
    async def scenario() -> None:
        async with decoding(workers=2) as decoder:
            await decoder.ready()
            nice = {pid: os.getpriority(os.PRIO_PROCESS, pid) for pid in decoder.worker_pids}
            own = os.getpriority(os.PRIO_PROCESS, 0)
            assert sorted(nice.values()) == [own, own + 10]
            for picture, wanted in ((SLOW, own + 10), (bombs.png(2000, 8, 2), own)) * 2:
                task = asyncio.ensure_future(decode(decoder, picture))
                await until(lambda: busy(decoder) == 1)
                (worker,) = decoder._busy
                assert nice[worker.pid] == wanted
                task.cancel()
                await asyncio.wait([task])
                await until(lambda: busy(decoder) == 0)
                await decoder.ready()
                nice |= {pid: os.getpriority(os.PRIO_PROCESS, pid) for pid in decoder.worker_pids}

    asyncio.run(scenario())


def test_damaged_pictures_cost_no_worker() -> None:
    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            pids = decoder.worker_pids
            for _ in range(3):
                with pytest.raises(ImageUnreadable):
                    await decode(decoder, SMALL[: len(SMALL) // 2])
            assert decoder.worker_pids == pids

    asyncio.run(scenario())
