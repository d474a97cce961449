"""Open-loop load over raw HTTP/1.1: every request goes out when it is due, whatever came back.

No library client: it would cost more than the server does per refusal.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

TIMEOUT_S = 60.0
IDLE_S = 2.0
"""Servers close connections that are idle for five seconds; we give them up before."""


@dataclass(frozen=True)
class Post:
    """One request, encoded: where to, and what."""

    path: str
    content_type: str
    body: bytes

    def encode(self, request_id: str) -> bytes:
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: load\r\nContent-Type: {self.content_type}\r\n"
            f"X-Request-Id: {request_id}\r\nContent-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


@dataclass(frozen=True)
class Reply:
    """What came back, and when, counted from the moment the request was to go out."""

    status: int
    headers: dict[str, str]
    body: bytes
    took_s: float


@dataclass
class Load:
    """What a run of load came to. `lost`: requests whose connection ended without a reply."""

    sent: int = 0
    late_s: float = 0.0
    surplus_bytes: int = 0
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)

    @property
    def all(self) -> list[Reply]:
        return [reply for replies in self.replies.values() for reply in replies]

    def of(self, *statuses: int) -> list[Reply]:
        return [reply for reply in self.all if reply.status in statuses]


class Sender:
    """Sends to one server on as many connections as are needed; idle ones are used again."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter, float]] = []
        self.load = Load()

    async def send(self, post: Post, due_s: float) -> None:
        number = f"load-{self.load.sent}"
        self.load.sent += 1
        self.load.late_s = max(self.load.late_s, time.perf_counter() - due_s)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                given, reply = await self._exchange(post.encode(number), due_s)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            self.load.lost[number] = repr(error)
            return
        self.load.replies.setdefault(given, []).append(reply)

    async def _exchange(self, request: bytes, due_s: float) -> tuple[str, Reply]:
        reader, writer = await self._connection()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        took_s = time.perf_counter() - due_s
        if headers.get("connection", "").lower() == "close":
            writer.close()
        else:
            self._idle.append((reader, writer, time.perf_counter()))
        return headers["x-request-id"], Reply(int(head[0].split()[1]), headers, body, took_s)

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._idle:
            reader, writer, since_s = self._idle.pop()
            if time.perf_counter() - since_s < IDLE_S:
                return reader, writer
            self.close()  # the ones below have been idle even longer
            writer.close()
        return await asyncio.open_connection(*self._address)

    def close(self) -> None:
        """Close idle connections, and count what came on them without having been asked for."""
        for reader, writer, _ in self._idle:
            self.load.surplus_bytes += len(reader._buffer)  # type: ignore[attr-defined]
            writer.close()
        self._idle.clear()


async def closed_loop(
    address: tuple[str, int], posts: Iterator[Post], clients: int, seconds: float
) -> Load:
    """Let `clients` clients ask one thing after the other; what is answered is the capacity."""
    sender = Sender(address)
    end_s = time.perf_counter() + seconds

    async def client() -> None:
        while time.perf_counter() < end_s:
            await sender.send(next(posts), time.perf_counter())

    await asyncio.gather(*(client() for _ in range(clients)))
    sender.close()
    return sender.load


async def open_loop(
    address: tuple[str, int],
    posts: Iterator[Post],
    rate_hz: float,
    seconds: float,
    every_second: Callable[[float], None],
) -> Load:
    """Send at a rate, evenly spaced; return what came of it.

    `every_second(since_start_s)` is called on the loop about once a second.
    """
    sender = Sender(address)
    start_s = time.perf_counter()
    tasks: set[asyncio.Task[None]] = set()
    seen_s = 0.0
    for number in range(round(rate_hz * seconds)):
        due_s = start_s + number / rate_hz
        if (wait_s := due_s - time.perf_counter()) > 0:
            await asyncio.sleep(wait_s)
        elif number % 8 == 0:
            await asyncio.sleep(0)  # behind: still let replies in
        task = asyncio.create_task(sender.send(next(posts), due_s))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        if due_s - start_s >= seen_s:
            every_second(due_s - start_s)
            seen_s += 1.0
    while tasks:
        await asyncio.wait(tasks)
    sender.close()
    return sender.load
