"""The generator against servers that answer, lose, double and answer late."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread

import pytest

from loadtests.siege.generator import LoadJob, run
from loadtests.siege.tally import LoadFound

BODY = b'{"deadline_met":true}'
Answer = Callable[[bytes], bytes]


def whole(number: bytes, body: bytes = BODY) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nX-Request-Id: %s\r\nContent-Length: %d\r\n\r\n"
    return head % (number, len(body)) + body


@contextmanager
def answering(answer: Answer) -> Iterator[LoadJob]:
    """Serve on a thread; `answer` makes bytes of a request's id, none to hang up."""
    loop = asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            await reader.readexactly(2)
            (number,) = re.findall(rb"X-Request-Id: (\d+)", head)
            said = answer(number)
            if not said:
                break
            writer.write(said)
        writer.close()

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    port = server.sockets[0].getsockname()[1]
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        yield LoadJob("127.0.0.1", port, "/", ["{}"], 200.0, 0.3, 5.0, 5.0, give_up_s=0.3)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def load(answer: Answer, **changed: float) -> LoadFound:
    with answering(answer) as job:
        return run(replace(job, **changed))


def test_every_request_is_sent_and_counted() -> None:
    found = load(whole)
    assert found.sent > 10
    assert found.answers == found.on_time == found.sent
    assert (found.lost, found.foreign, found.claimed_late, found.past_grace) == (0, 0, 0, 0)


def test_a_connection_that_hangs_up_loses_its_request() -> None:
    found = load(lambda number: b"" if number == b"3" else whole(number))
    assert found.lost == 1
    assert found.answers == found.sent - 1


def test_an_answer_that_never_comes_is_lost() -> None:
    found = load(lambda number: b"HTTP/1.1 " if number == b"0" else whole(number))
    assert found.lost == 1


@pytest.mark.parametrize("twice", [lambda n: whole(n) + whole(n), lambda n: whole(b"9" + n)])
def test_doubled_and_foreign_answers_are_counted(twice: Answer) -> None:
    assert load(twice, rate_hz=20.0).foreign > 0


def test_an_answer_is_late_by_the_clients_clock() -> None:
    found = load(whole, deadline_s=1e-9, grace_s=0.0)
    assert found.claimed_late == found.past_grace == found.answers > 0
    assert found.on_time == 0


def test_a_closed_loop_has_as_many_open_as_it_has_connections() -> None:
    found = load(whole, rate_hz=0.0, connections=2)
    assert found.answers == found.sent > 20
