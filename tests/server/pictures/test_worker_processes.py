"""Worker processes: how small they are, what they know, and when they end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadtests.siege.attackers import pictures as bombs
from pictures.errors import DecodeWorkerDied
from tests.server.pictures.decoding import (
    CLOCK,
    ROOT,
    SLOW,
    a_small_one,
    busy,
    decode,
    decoding,
    until,
)


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_closing_kills_what_decodes() -> None:
    async def scenario() -> None:
        async with decoding() as decoder:
            await a_small_one(decoder)
            slow = asyncio.ensure_future(decode(decoder, SLOW))
            await until(lambda: busy(decoder) == 1)
            pids = decoder.worker_pids
            started_s = CLOCK.now_s()
            decoder.close()
            assert CLOCK.now_s() - started_s < 0.5
            assert all(gone(pid) for pid in pids)
            with pytest.raises(DecodeWorkerDied):
                await slow
            with pytest.raises(DecodeWorkerDied):
                await a_small_one(decoder)  # nothing is started any more

    asyncio.run(scenario())


_PARENT = """
import asyncio
import io
from tests.server.pictures.decoding import *

async def scenario():
    async with decoding(workers=2) as decoder:
        await a_small_one(decoder)
        slow = [asyncio.ensure_future(decode(decoder, SLOW)) for _ in range(2)]
        await until(lambda: busy(decoder) == 1)
        print(*decoder.worker_pids, flush=True)
        await asyncio.sleep(60)

asyncio.run(scenario())
"""


def test_no_worker_outlives_its_server() -> None:
    command = [sys.executable, "-c", _PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert not any(gone(pid) for pid in pids)
        parent.kill()
    deadline_s = time.monotonic() + 1.0
    while not all(gone(pid) for pid in pids):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def test_a_worker_is_small_before_and_after_large_pictures() -> None:
    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            (pid,) = decoder.worker_pids
            assert resident_bytes(pid) <= 60e6
            for large in (bombs.transparent_palette_png(4000), bombs.png(4000, 16, 0)) * 2:
                await decode(decoder, large)
            await until(lambda: resident_bytes(pid) <= 60e6)

    asyncio.run(scenario())


def test_a_worker_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTMV_SECRET", "hush")

    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            assert "hush" not in await asyncio.to_thread(environment, *decoder.worker_pids)

    def environment(pid: int) -> str:
        return Path(f"/proc/{pid}/environ").read_text()

    asyncio.run(scenario())


def test_a_worker_loads_no_engine() -> None:
    code = "import sys, pictures.worker; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert {"numpy", "PIL"} <= loaded
    assert not loaded & {"engine", "onnxruntime", "pydantic", "fastapi", "tokenizers", "asyncio"}


def test_a_client_that_leaves_stops_a_heavy_picture() -> None:
    async def scenario() -> None:
        async with decoding(1) as decoder:
            await decoder.ready()
            (first,) = decoder.worker_pids
            left = asyncio.ensure_future(decode(decoder, SLOW))
            waiting = asyncio.ensure_future(decode(decoder, SLOW))
            await until(lambda: busy(decoder) == 1)
            waiting.cancel()
            left.cancel()
            await asyncio.wait([left, waiting])
            await a_small_one(decoder)
            assert first not in decoder.worker_pids
            assert busy(decoder) == 0

    asyncio.run(scenario())


def test_workers_that_are_ready_wait_for_nothing() -> None:
    async def scenario() -> None:
        async with decoding(2) as decoder:
            await decoder.ready()
            assert all(worker._ready for worker in decoder._idle)

    asyncio.run(scenario())
