from __future__ import annotations

import socket
import threading

import pytest

from loadtests.siege.attackers.attack import CLOSED, AttackJob, run, send
from loadtests.siege.attackers.payloads import ATTACKS, BOMBS
from loadtests.siege.attackers.pictures import REFUSED_UNDECODED

LIMIT_BYTES = 20_971_520
"""`OTMV_MAX_BODY_BYTES`: a body beyond it would be refused unread, and test nothing."""


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_a_whole_request_whose_body_is_read(name: str) -> None:
    head, _, body = BOMBS[name]().partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/vqa HTTP/1.1\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert len(body) <= LIMIT_BYTES


def test_every_crafted_picture_is_sent() -> None:
    assert set(REFUSED_UNDECODED) < set(ATTACKS)


def answer_once(said: bytes) -> int:
    """Listen for one connection on a thread; return the port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listening, listening.accept()[0] as client:
            client.recv(1000)
            client.sendall(said)

    threading.Thread(target=serve).start()
    port: int = listening.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("said", "status"), [(b"HTTP/1.1 422 \r\n", 422), (b"", CLOSED), (b"nonsense here", CLOSED)]
)
def test_a_status_is_read_or_the_connection_was_closed(said: bytes, status: int) -> None:
    assert send("127.0.0.1", answer_once(said), b"x") == status


def test_attacks_are_counted_by_kind_and_end() -> None:
    port = answer_once(b"HTTP/1.1 400 Bad\r\n")
    name = "chunk size too large"
    found = run(AttackJob("127.0.0.1", port, [name], 100.0, 0.01))
    assert found.sent == 1
    assert found.ended == {name: {"400": 1}}
