"""The open-loop client, in a process of its own: `python -m loadtests.slo.client < JOB`.

Every request goes out at its own absolute time, whatever became of earlier ones. It writes bytes
made beforehand to kept connections and parses answers with httptools (C), which is lighter than
httpx or aiohttp: the client shares the machine's cores with the server it measures. Answers are
kept as they are and read only after the last.
"""

from __future__ import annotations

import asyncio
import gc
import selectors
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httptools

from loadtests.kit.asking.wire import post
from loadtests.kit.processes.message import Message

_CHUNK_BYTES = 1 << 16
LEFT = 0
"""Stands for a status where no answer came: the client gave up, or the connection broke."""


@dataclass(frozen=True)
class Send:
    """One request: which body, when. `at_s` counts from the start of the job."""

    at_s: float
    body: int


@dataclass(frozen=True)
class SendJob(Message):
    """What to send where. A request without an answer after `give_up_s` is given up."""

    host: str
    port: int
    path: str
    bodies: Sequence[str]
    sends: Sequence[Send]
    give_up_s: float


@dataclass(frozen=True)
class Reply:
    """What became of one request; `sent_s` and `ended_s` count from the start of the job."""

    sent_s: float
    ended_s: float
    status: int
    body: str


@dataclass(frozen=True)
class Sent(Message):
    """Replies in the order of the job, and the processor seconds of this process meanwhile."""

    replies: Sequence[Reply]
    seconds: float
    cpu_s: float


class _ResponseCollector:
    """Collects one response for httptools."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.parts: list[bytes] = []
        self.done = self.kept = False

    def on_body(self, part: bytes) -> None:
        self.parts.append(part)

    def on_message_complete(self) -> None:
        self.done = True
        self.kept = self.parser.should_keep_alive()  # it forgets once this returns


class Connections:
    """Kept connections to one server; as many as there are open requests."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Return status and body; whatever goes wrong, the connection is not used again."""
        reader, writer = await self._connected()
        try:
            writer.write(request)
            answer = _ResponseCollector()
            while not answer.done:
                data = await reader.read(_CHUNK_BYTES)
                if not data:
                    raise ConnectionError("the server closed the connection")
                answer.parser.feed_data(data)
        except BaseException:
            writer.transport.abort()
            raise
        if answer.kept:
            self._idle.append((reader, writer))
        else:
            writer.close()
        return answer.parser.get_status_code(), b"".join(answer.parts)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():  # else the server has closed it for being idle
                return reader, writer
            writer.close()
        return await asyncio.open_connection(*self._address)

    def close(self) -> None:
        """Close those that are idle."""
        for _, writer in self._idle:
            writer.close()


async def run(job: SendJob) -> Sent:
    """Send everything at its time and return what came back."""
    requests = [request_bytes(job, body) for body in job.bodies]
    connections = Connections(job.host, job.port)
    begun_s, begun_cpu_s = time.perf_counter(), time.process_time()

    async def one(send: Send) -> Reply:
        sent_s = time.perf_counter() - begun_s
        left_s = send.at_s + job.give_up_s - sent_s
        try:
            found = await asyncio.wait_for(connections.exchange(requests[send.body]), left_s)
            status, body = found[0], found[1].decode("utf-8", "replace")
        except (OSError, TimeoutError, httptools.HttpParserError) as error:
            status, body = LEFT, type(error).__name__
        return Reply(sent_s, time.perf_counter() - begun_s, status, body)

    tasks = []
    for send in job.sends:
        await asyncio.sleep(max(0.0, send.at_s - (time.perf_counter() - begun_s)))
        tasks.append(asyncio.create_task(one(send)))
    replies = [await task for task in tasks]
    cpu_s = time.process_time() - begun_cpu_s
    connections.close()
    return Sent(replies, time.perf_counter() - begun_s, cpu_s)


def request_bytes(job: SendJob, text: str) -> bytes:
    """Return a question as it goes over the wire."""
    return post(job.path, f"{job.host}:{job.port}", text.encode())


def exact_loop() -> asyncio.AbstractEventLoop:
    """Return a loop whose timers are exact to microseconds; epoll's and libuv's round to 1 ms."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


if __name__ == "__main__":
    job = SendJob.from_json(sys.stdin.read())
    gc.disable()
    with asyncio.Runner(loop_factory=exact_loop) as runner:
        print(runner.run(run(job)).to_json())
