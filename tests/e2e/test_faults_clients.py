"""Clients that are slow, leave, or are too many: the real server closes, forgets, goes on."""

from __future__ import annotations

import asyncio
import random
import re
import resource
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.demo_copies import DEMO
from tests.e2e.http_load import Sender
from tests.e2e.questions import answers, question
from tests.e2e.server_numbers import ended, metric
from tests.server.kit.live_server import LiveServer, serving

pytestmark = pytest.mark.e2e

LORIS = 2_000
LIMIT_S = 3.0
AFTER_BODY_S = 5.0
LEAVERS = 1_000
FEW_FILES = 64


@contextmanager
def many_files(count: int) -> Iterator[None]:
    """Let this process open `count` files, or skip."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"this process may not open {count} files (ulimit -Hn is {hard})")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_files(server: LiveServer) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def wait_until(condition: object, limit_s: float) -> float:
    """Wait until it holds; return the seconds that took."""
    assert callable(condition)
    start_s = time.monotonic()
    while not condition():
        assert time.monotonic() - start_s < limit_s
        time.sleep(0.05)
    return time.monotonic() - start_s


SLOW = (
    (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ", LIMIT_S, b"408"),
    (b"POST /v1/vqa HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
     b"Content-Length: 1000\r\n\r\n{", LIMIT_S, b"408"),
    (b"POST /gone HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
     LIMIT_S + AFTER_BODY_S, b"404"),
    (b"", LIMIT_S, b""),
)  # fmt: skip
"""What a slow client begins with, when it is closed at the latest, and the status it may read."""


async def loris(server: LiveServer, number: int) -> tuple[int, float, bytes]:
    """Send a byte a second; return the kind, when the server closed, and what it had said."""
    kind = number % len(SLOW)
    reader, writer = await asyncio.open_connection(*server.address)
    start_s = time.monotonic()
    writer.write(SLOW[kind][0])
    said = asyncio.ensure_future(reader.read())
    while not said.done():
        if SLOW[kind][0]:
            writer.write(b"a")
        await asyncio.wait({said}, timeout=1.0)
    took_s = time.monotonic() - start_s
    writer.close()
    return kind, took_s, b"" if said.exception() else said.result()


async def attack(server: LiveServer) -> tuple[list[tuple[int, float, bytes]], Sender]:
    """Let the slow ones in, and ask ten questions a second until all of them are out."""
    slow = [asyncio.ensure_future(loris(server, number)) for number in range(LORIS)]
    others = Sender(server.address)
    every = asyncio.gather(*slow)
    while not every.done():
        await others.send(question(variant="d2"), time.perf_counter())
        await asyncio.sleep(0.1)
    others.close()
    return await every, others


def test_two_thousand_slow_clients_are_closed_in_time(cache: Path) -> None:
    limits = {"OTMV_HEAD_TIMEOUT_S": str(LIMIT_S), "OTMV_BODY_TIMEOUT_S": str(LIMIT_S)}
    with many_files(LORIS + 500), serving(DEMO, cache, **limits) as server:
        before = open_files(server)
        closed, others = asyncio.run(attack(server))
        assert not others.load.lost
        assert {reply.status for reply in others.load.all} == {200}
        slowest_s = max(reply.took_s for reply in others.load.all)
        assert slowest_s < 3.0
        for kind, (_, limit_s, status) in enumerate(SLOW):
            mine = [(took_s, said) for of, took_s, said in closed if of == kind]
            assert max(took_s for took_s, _ in mine) < limit_s + 4.0  # two thousand at once
            said = [line[9:12] for _, line in mine if line]
            assert set(said) <= {status}
            assert len(said) >= (len(mine) // 2 if status else 0)
        wait_until(lambda: open_files(server) <= before + 5, 10)
        print(f"{len(others.load.all)} others, slowest {slowest_s:.2f} s")
        assert answers(server)


def leave(server: LiveServer, seconds: float) -> None:
    """Send a whole request, and close without reading the answer."""
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(question().encode("leaves"))
        time.sleep(seconds)
        if seconds > 0.005:  # some reset the connection
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_thousand_clients_that_leave_are_counted_and_forgotten(cache: Path) -> None:
    pick = random.Random(3)
    with serving(DEMO, cache, OTMV_ACCESS_LOG="true") as server:
        before, files = ended(server), open_files(server)
        first = len(server.lines)
        for _ in range(LEAVERS):
            leave(server, pick.choice((0.0, 0.001, 0.01)))
        wait_until(lambda: metric(server, "queue_depth")[""] == 0, 20)
        wait_until(lambda: open_files(server) <= files + 2, 10)
        seen = "".join(server.lines[first:])
        statuses = [int(code) for code in re.findall(r"path=/v1/vqa\b.*?status=(\d+)", seen)]
        grown = {outcome: n - before.get(outcome, 0) for outcome, n in ended(server).items()}
        print({code: statuses.count(code) for code in set(statuses)}, grown)
        assert len(statuses) == LEAVERS
        assert set(statuses) <= {200, 429, 499}
        assert statuses.count(499) > 0
        assert grown["error"] == 0
        assert grown["ok"] + grown["late"] >= statuses.count(200)
        assert sum(grown.values()) <= LEAVERS
        assert metric(server, "resident_bytes")['kind="requests"'] == 0
        assert "Traceback" not in seen
        assert answers(server)


def test_without_files_the_server_survives(cache: Path) -> None:
    few = ("sh", "-c", f'ulimit -n {FEW_FILES} && exec "$@"', "sh")
    with serving(DEMO, cache, wrapper=few) as server:
        assert answers(server)
        before = open_files(server)
        for stopped in (False, True, False):
            if stopped:  # all of them wait when it goes on
                server.process.send_signal(signal.SIGSTOP)
            crowd = [socket.create_connection(server.address, timeout=10) for _ in range(300)]
            server.process.send_signal(signal.SIGCONT)
            refused = 0
            for connection in crowd[-20:]:
                connection.settimeout(5)
                head = connection.recv(100)
                refused += head.startswith(b"HTTP/1.1 503")
            print(f"{refused} of the last 20 were told, {open_files(server)} files open")
            for connection in crowd:
                connection.close()
            wait_until(lambda: open_files(server) <= before + 3, 10)
            assert answers(server)
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        assert server.stop() == 0
