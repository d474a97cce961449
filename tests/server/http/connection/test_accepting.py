"""Clients that connect at once are all let in at once."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
import time
from collections import Counter
from typing import Any

import pytest
import uvloop

from server import run
from server.http.connection import accepting
from server.http.connection.accepting import Acceptor
from server.run import bind
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import ServerThread, serving_fake
from tests.server.kit.raw_socket import get, said, statuses

CLIENTS = 200


class Met(asyncio.Protocol):
    """Counts the turns of the loop until it is met."""

    def __init__(self, met: list[int], turn: list[int]) -> None:
        self._met, self._turn = met, turn

    def connection_made(self, transport: Any) -> None:
        self._met.append(self._turn[0])
        transport.close()


def busy_wait(seconds: float) -> None:
    """Hold the loop, as work in a turn does."""
    over_s = time.perf_counter() + seconds
    while time.perf_counter() < over_s:
        pass


async def turns_until_met(turn_s: float = 0.0, room: int = 10 * CLIENTS) -> list[int]:
    """Let clients wait before anything is accepted; return in which turn each was let in."""
    listening = bind("127.0.0.1", 0)
    clients = [socket.create_connection(listening.getsockname()) for _ in range(CLIENTS)]
    met: list[int] = []
    turn = [0]
    acceptor = Acceptor(listening, lambda: Met(met, turn), lambda: room)
    while len(met) < CLIENTS and turn[0] < CLIENTS:
        await asyncio.sleep(0)
        busy_wait(turn_s)
        turn[0] += 1
    acceptor.close()
    acceptor.close()
    for each in (*clients, listening):
        each.close()
    return met


def test_all_that_wait_are_accepted_in_a_few_turns() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        met = runner.run(turns_until_met())
    assert len(met) == CLIENTS
    assert max(met) < CLIENTS / 4


def test_after_long_turns_more_are_accepted_each() -> None:
    """Else a flood of requests that are refused keeps new clients out for many seconds."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        met = runner.run(turns_until_met(turn_s=0.05))
    assert len(met) == CLIENTS
    assert max(met) < 8


def test_few_beyond_the_limit_of_connections_are_accepted_at_once() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        met = runner.run(turns_until_met(turn_s=0.01, room=0))
    assert len(met) == CLIENTS
    assert Counter(met).most_common(1)[0][1] <= 16


class FullSocket(socket.socket):
    """A listening socket that has no file left for a while."""

    refusals = 3

    def accept(self) -> tuple[socket.socket, Any]:
        """Refuse some times, then accept."""
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def met_when_files_are_back() -> tuple[int, int]:
    full = FullSocket(fileno=bind("127.0.0.1", 0).detach())
    client = socket.create_connection(full.getsockname())
    first = asyncio.Event()

    def meet() -> asyncio.Protocol:
        first.set()
        return Met([], [0])

    acceptor = Acceptor(full, meet, lambda: 1)
    await asyncio.wait_for(first.wait(), 10)
    acceptor.close()
    for each in (client, full):
        each.close()
    return int(first.is_set()), full.refusals


def test_without_files_it_waits_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "_PAUSE_S", 0.02)
    assert asyncio.run(met_when_files_are_back()) == (1, 0)


def test_one_that_begins_while_the_server_ends_does_not_hold_it_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin = Acceptor._start

    async def begin_late(acceptor: Acceptor, connection: socket.socket) -> None:
        accepted.set()
        await asyncio.sleep(0.05)
        await begin(acceptor, connection)

    monkeypatch.setattr(Acceptor, "_start", begin_late)
    accepted = threading.Event()
    with (
        serving_fake(FakePool()) as server,
        socket.create_connection(server.address, timeout=10) as idle,
    ):
        assert accepted.wait(10)
        server.end()
        before_s = time.monotonic()
        assert idle.recv(1) == b""
        server.join()
    assert time.monotonic() - before_s < run._CLOSING_S - 1


def ask(server: ServerThread) -> list[int]:
    return statuses(said(server, get("/healthz", "Connection: close")))


def test_the_limit_of_connections_stays() -> None:
    with serving_fake(FakePool(), most_connections=3) as server:
        held = [socket.create_connection(server.address) for _ in range(3)]
        server.wait_until(lambda: server.open_connections == 3)
        assert ask(server) == [503]
        held.pop().close()
        server.wait_until(lambda: server.open_connections == 2)
        assert ask(server) == [200]
        for each in held:
            each.close()
