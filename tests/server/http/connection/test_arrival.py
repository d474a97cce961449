"""A request has arrived when the first byte of its head has."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState

from engine.telemetry import Telemetry
from server.http.connection.arrival_clock import ArrivalClock
from server.http.connection.heads import WaitingBytes
from server.http.connection.limits import ConnectionLimits
from server.http.connection.protocol import LimitedProtocol
from server.http.middleware import ARRIVED
from tests.engine.pools.fake_backend import FakeClock
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import serving_fake
from tests.server.kit.raw_socket import GOOD, everything, get, question_head, statuses


class Wire(asyncio.Transport):
    """A transport that goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


async def arrivals(parts: list[tuple[float, bytes]]) -> list[float]:
    """Return when requests arrived whose bytes came in parts, each at its time."""
    clock, found = FakeClock(), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(scope["state"][ARRIVED])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    limits = ConnectionLimits(10, 10, 10, ArrivalClock(clock), Telemetry(), WaitingBytes())
    config = Config(app, lifespan="off", log_config=None)
    protocol = LimitedProtocol(config, ServerState(), {}, limits)
    protocol.connection_made(Wire())
    for at_s, data in parts:
        clock.time_s = at_s
        protocol.data_received(data)
        for _ in range(20):
            await asyncio.sleep(0)
    protocol.connection_lost(None)
    return found


def test_the_first_byte_counts_not_the_last() -> None:
    head = get()
    assert asyncio.run(arrivals([(1, head[:1]), (2, head[1:9]), (5, head[9:])])) == [1]


def test_each_request_of_a_connection_has_its_own() -> None:
    head = get()
    parts = [(1.0, head), (4.0, head[:3]), (6.0, head[3:] + head), (9.0, head)]
    assert asyncio.run(arrivals(parts)) == [1, 4, 6, 9]


def test_stray_bytes_before_a_request_are_not_its_first() -> None:
    assert asyncio.run(arrivals([(1, b"\r\n"), (3, get())])) == [3]


def test_a_deadline_counts_from_there() -> None:
    pool = FakePool()
    with (
        serving_fake(pool) as server,
        socket.create_connection(server.address, timeout=10) as connection,
    ):
        before_s = time.perf_counter()
        connection.sendall(b"POS")
        server.wait_until(lambda: server.limits.waiting.held_bytes > 0)
        came_s = time.perf_counter()
        time.sleep(0.2)
        connection.sendall((question_head("Connection: close") + GOOD.body)[3:])
        assert statuses(everything(connection)) == [200]
    assert before_s < pool.admitted[0].arrived_s < came_s
