"""One real connection of the server without a socket: bytes in, bytes out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from engine.clock import SystemClock
from engine.telemetry import Telemetry
from server.http.connection.arrival_clock import ArrivalClock
from server.http.connection.limits import ConnectionLimits
from server.http.connection.protocol import LimitedProtocol

_TURNS = 6
"""Of the event loop, after each arrival: more than an answer needs."""


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body and answer with its size."""
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            break
    body = b"%d" % size
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


class _Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = bytearray()
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def write_eof(self) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


_LOOP = asyncio.new_event_loop()
_CONFIG = Config(_app, lifespan="off", log_config=None, ws="none")
_CONFIG.load()
_LIMITS = ConnectionLimits(10.0, 10.0, 100, ArrivalClock(SystemClock()), Telemetry())


def converse(arrivals: Iterable[bytes]) -> bytes:
    """Return what the server writes to a client that sends these bytes, and then leaves.

    Raises:
        RuntimeError: a callback of the event loop failed.
    """
    return _LOOP.run_until_complete(_converse(arrivals))


async def _converse(arrivals: Iterable[bytes]) -> bytes:
    failures: list[dict[str, Any]] = []
    _LOOP.set_exception_handler(lambda _, context: failures.append(context))
    wire, state = _Wire(), ServerState()
    protocol = LimitedProtocol(_CONFIG, state, {}, _LIMITS)
    protocol.connection_made(wire)
    for data in arrivals:
        protocol.data_received(data)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
    protocol.connection_lost(None)
    await asyncio.gather(*state.tasks)
    assert _LIMITS.waiting.held_bytes == 0
    if failures:
        raise RuntimeError(f"{failures[0].get('message')}") from failures[0].get("exception")
    return bytes(wire.written)
