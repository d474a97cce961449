"""The process is told to stop, or is killed."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.demo_copies import DEMO
from tests.e2e.http_load import Sender
from tests.e2e.questions import answers, mixed
from tests.e2e.timed_start import READY_S, timed
from tests.server.kit.live_server import LiveServer, otmv, serving

pytestmark = pytest.mark.e2e

RATE_HZ = 40.0


async def load_until_stopped(server: LiveServer, after: int) -> Sender:
    """Send at a steady rate, send SIGTERM after `after` requests, stop at the first 503."""
    sender, tasks = Sender(server.address), set[asyncio.Future[None]]()
    start_s = time.perf_counter()
    for number, post in enumerate(mixed()):
        due_s = start_s + number / RATE_HZ
        await asyncio.sleep(max(due_s - time.perf_counter(), 0))
        if number == after:
            server.process.send_signal(signal.SIGTERM)
        if sender.load.of(503):
            break
        tasks.add(asyncio.ensure_future(sender.send(post, due_s)))
    await asyncio.gather(*tasks)
    sender.close()
    return sender


def test_sigterm_under_load_loses_nothing(cache: Path) -> None:
    with serving(DEMO, cache) as server:
        load = asyncio.run(load_until_stopped(server, after=60)).load
        assert server.wait() == 0
    print(f"{load.sent} sent, {len(load.of(200))} answered, {len(load.of(503))} sent elsewhere")
    assert not load.lost, list(load.lost.items())[:3]
    assert {reply.status for reply in load.all} == {200, 503}
    assert len(load.all) == load.sent
    for reply in load.of(503):
        assert json.loads(reply.body)["type"] == "urn:otmv:problem:draining"
        assert reply.headers["retry-after"]


def whole_files(folder: Path) -> int:
    """Count the files of a cache folder that have their name; all of them can be read."""
    files = [path for path in folder.rglob("*.json") if not path.name.startswith(".")]
    for path in files:
        json.loads(path.read_text())
    return len(files)


def test_sigterm_while_loading_ends_in_good_order(tmp_path: Path) -> None:
    """Nothing is cached, so a library is in the middle of something when the signal comes."""
    process = otmv("serve", DEMO, "--port", 0, "--cache-dir", tmp_path)
    assert process.stderr is not None
    assert any("settings" in line for line in process.stderr)
    time.sleep(2)
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=30)
    assert (process.returncode, "stopped while loading" in rest) == (0, True), rest


def test_after_sigkill_the_next_one_is_ready_in_seconds(cache: Path) -> None:
    with serving(DEMO, cache) as server:

        async def load() -> Sender:
            sender = Sender(server.address)
            posts = itertools.islice(mixed(), 20)
            sending = [asyncio.ensure_future(sender.send(p, time.perf_counter())) for p in posts]
            await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
            server.process.kill()
            await asyncio.gather(*sending)
            return sender

        assert asyncio.run(load()).load.lost
        assert server.wait() == -signal.SIGKILL
    assert whole_files(cache) >= 2
    with timed(cache) as (server, took_s):
        print(f"ready again after {took_s:.1f} s")
        assert took_s < READY_S
        assert answers(server)
        assert server.stop() == 0


def test_sigkill_while_the_cache_is_written_leaves_whole_files(quick: Path, tmp_path: Path) -> None:
    """Killed as soon as a file shows up: whatever is there can be read."""
    process = otmv("serve", quick, "--port", 0, "--cache-dir", tmp_path)
    deadline_s = time.monotonic() + 120
    while not any(tmp_path.rglob("*")):
        assert time.monotonic() < deadline_s
        time.sleep(0.001)
    process.kill()
    process.communicate()
    whole_files(tmp_path)
    with serving(quick, tmp_path) as server:
        assert answers(server)
        assert whole_files(tmp_path) == 3  # latency, quality, threads
