"""What connections have read waits for its turn: it is bounded, and not held to be late."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from server.http.connection import parse_turns
from server.http.connection.heads import MOST_BYTES
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import ServerThread, serving_fake
from tests.server.kit.raw_socket import everything, get, question_head, statuses

MB = 2**20
ONE_READ = 2**18
"""What the event loop reads at once, and a little more."""
HEAD_S = 0.4


class Turns:
    """Turns that come only when a test says so."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self._number = parse_turns._A_TURN
        patch.setattr(parse_turns, "_A_TURN", 0)

    def begin(self, server: ServerThread) -> None:
        self._patch.setattr(parse_turns, "_A_TURN", self._number)
        with socket.create_connection(server.address, timeout=10) as another:
            another.sendall(get("/healthz", "Connection: close"))
            assert statuses(everything(another)) == [200]


@contextmanager
def connected(server: ServerThread, count: int) -> Iterator[list[socket.socket]]:
    made = [socket.create_connection(server.address, timeout=10) for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            one.close()


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    return Turns(monkeypatch)


@pytest.fixture
def server(turns: Turns) -> Iterator[ServerThread]:
    with serving_fake(FakePool()) as fake:
        yield fake
        turns.begin(fake)


def test_little_more_is_read_of_one_that_waits(server: ServerThread) -> None:
    with connected(server, 1) as (client,):
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.sendall(question_head(length=64 * MB) + b"x" * 64 * MB)
        waiting = server.limits.waiting
        server.wait_until(lambda: waiting.held_bytes > MOST_BYTES)
        assert waiting.held_bytes <= MOST_BYTES + ONE_READ


def test_what_waits_is_counted_and_too_much_in_all_is_refused(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.limits.waiting, "_most_bytes", 4000)
    with connected(server, 3) as clients:
        for client in clients:
            client.sendall(b"x" * 1500)
        server.wait_until(lambda: len(server.limits.turns) == 3)
        refused, _, _ = select.select(clients, [], [], 10)
        assert [statuses(client.recv(4096)) for client in refused] == [[503]]
        assert server.limits.waiting.held_bytes == 3000


def test_one_that_waits_longer_than_a_head_may_take_is_not_late(turns: Turns) -> None:
    with (
        serving_fake(FakePool(), head_timeout_s=HEAD_S) as server,
        connected(server, 1) as (client,),
    ):
        client.sendall(get("/healthz", "Connection: close"))
        server.wait_until(lambda: len(server.limits.turns) == 1)
        time.sleep(2 * HEAD_S)
        turns.begin(server)
        assert statuses(everything(client)) == [200]


def test_clients_that_have_left_do_not_wait(server: ServerThread) -> None:
    with connected(server, 20) as clients:
        for client in clients:
            client.sendall(get("/healthz"))
        server.wait_until(lambda: len(server.limits.turns) == 20)
        for client in clients:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.wait_until(lambda: len(server.limits.turns) == 0)
