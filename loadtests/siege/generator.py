"""The load generator, a process of its own: `python -m loadtests.siege.generator < JOB`.

With a rate it is an open loop: every request goes out at its time, whatever became of earlier
ones; a rate above what it can send is sent as fast as it can. Without a rate it is a closed loop:
every connection sends when it has its answer. Each request has an id that its answer repeats.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import httptools
import uvloop

from loadtests.kit.asking import wire
from loadtests.kit.processes.message import Message
from loadtests.siege.processes import go_first, raise_files
from loadtests.siege.tally import LoadFound, Tally

_AT_ONCE = 64
"""Requests that are written before answers are looked at again."""


@dataclass(frozen=True)
class LoadJob(Message):
    """What is sent where; `rate_hz` 0: each of `connections` sends when it was answered.

    `connections` are open at most. A request without an answer after `give_up_s` is lost.
    """

    host: str
    port: int
    path: str
    bodies: Sequence[str]
    rate_hz: float
    seconds: float
    deadline_s: float
    grace_s: float
    give_up_s: float
    connections: int = 4000
    seed: int = 0


class _KeptConnection(asyncio.Protocol):
    """One kept connection, with at most one request open."""

    def __init__(self, load: _OpenLoad) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._waiting: bytes | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._id = b""
        self.sent_s: float | None = None

    def send(self, request: bytes, number: int) -> None:
        """Write a request, as soon as the connection is there."""
        self._id = b"%d" % number
        whole = request.replace(b"@id@", self._id, 1)
        self.sent_s = time.perf_counter()
        if self._transport is None:
            self._waiting = whole
        else:
            self._transport.write(whole)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not one by its class
        if self._waiting is not None:
            self._transport.write(self._waiting)
            self._waiting = None

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.give_up()

    def on_message_begin(self) -> None:
        self._body = []
        if self.sent_s is None:
            self._load.tally.foreign += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-request-id" and value != self._id:
            self._load.tally.foreign += 1

    def on_body(self, part: bytes) -> None:
        self._body.append(part)

    def on_message_complete(self) -> None:
        if self.sent_s is None:
            return
        took_s = time.perf_counter() - self.sent_s
        self.sent_s = None
        status = self._parser.get_status_code()
        self._load.tally.answered(status, b"".join(self._body), took_s)
        kept = self._parser.should_keep_alive()
        if not kept and self._transport is not None:
            self._transport.close()
        self._load.free(self, kept=kept)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self.sent_s is not None:
            self.sent_s = None
            self._load.tally.lost()
        self._load.gone(self)

    def give_up(self) -> None:
        """Abort the connection; what was open on it is lost."""
        if self._transport is not None:
            self._transport.abort()


class _OpenLoad:
    def __init__(self, job: LoadJob) -> None:
        self.job = job
        self.tally = Tally(job.deadline_s, job.grace_s)
        self._requests = [_request(job, body) for body in job.bodies]
        self._idle: list[_KeptConnection] = []
        self._open: set[_KeptConnection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._after: Callable[[], None] = lambda: None

    async def run(self) -> float:
        """Send everything; return the seconds in which it was sent."""
        begun_s = time.perf_counter()
        over_s = begun_s + self.job.seconds
        if self.job.rate_hz:
            await self._at_rate(begun_s, over_s)
        else:
            self._after = lambda: self._send() if time.perf_counter() < over_s else None
            for _ in range(self.job.connections):
                self._send()
            await asyncio.sleep(self.job.seconds)
        sending_s = time.perf_counter() - begun_s
        await self._settle()
        return sending_s

    async def _at_rate(self, begun_s: float, over_s: float) -> None:
        rng = random.Random(self.job.seed)
        due_s, at_once = begun_s, 0
        while due_s < over_s and (now_s := time.perf_counter()) < over_s:
            if due_s > now_s:
                await asyncio.sleep(due_s - now_s)
                at_once = 0
                continue
            self._send()
            due_s += rng.expovariate(self.job.rate_hz)
            at_once += 1
            if at_once % _AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _settle(self) -> None:
        """Wait for answers that are still to come, as long as the job says."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.job.give_up_s):
                while self._under_way():
                    self._ended.clear()
                    await self._ended.wait()
        for task in self._opening:
            task.cancel()
        for connection in list(self._open):
            connection.give_up()
        await asyncio.sleep(0.05)

    def _under_way(self) -> bool:
        return bool(self._opening) or any(each.sent_s is not None for each in self._open)

    def _send(self) -> None:
        if self._idle:
            self._write(self._idle.pop())
        elif len(self._open) + len(self._opening) < self.job.connections:
            task = asyncio.ensure_future(self._connect(self._next()))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def _next(self) -> tuple[bytes, int]:
        number = self.tally.sent
        self.tally.sent += 1
        return self._requests[number % len(self._requests)], number

    def _write(self, connection: _KeptConnection) -> None:
        connection.send(*self._next())

    async def _connect(self, request: tuple[bytes, int]) -> None:
        connection = _KeptConnection(self)
        connection.send(*request)
        self._open.add(connection)
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: connection, self.job.host, self.job.port)
        except OSError:
            connection.connection_lost(None)
        except asyncio.CancelledError:
            connection.connection_lost(None)
            raise

    def free(self, connection: _KeptConnection, *, kept: bool) -> None:
        """Take back a connection whose request has ended."""
        self._ended.set()
        if kept:
            self._idle.append(connection)
        self._after()

    def gone(self, connection: _KeptConnection) -> None:
        """Forget a connection that is closed."""
        self._ended.set()
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)


def _request(job: LoadJob, text: str) -> bytes:
    host = f"{job.host}:{job.port}"
    return wire.post(job.path, host, text.encode(), more="X-Request-Id: @id@\r\n")


def run(job: LoadJob) -> LoadFound:
    """Send a job's load, and return what became of it."""
    raise_files()
    went_first = go_first()
    begun_cpu_s = time.process_time()

    async def send() -> LoadFound:
        load = _OpenLoad(job)
        sending_s = await load.run()
        cpu_s = time.process_time() - begun_cpu_s
        return load.tally.found(sending_s, cpu_s, went_first=went_first)

    return uvloop.run(send())


if __name__ == "__main__":
    gc.disable()
    print(run(LoadJob.from_json(sys.stdin.read())).to_json())
