"""Heads are limited before they are parsed, alone and together."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from server.http.connection.heads import MOST_BYTES, MOST_LINES, WaitingBytes
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import ServerThread, serving_fake
from tests.server.kit.raw_socket import everything, get, question_head, said, statuses

SLUG = b"urn:otmv:problem:head-too-large"
LINE = "x" * 100


@pytest.fixture(scope="module")
def server() -> Iterator[ServerThread]:
    with serving_fake(FakePool()) as fake:
        yield fake


def with_size(size: int) -> bytes:
    """Return a request whose head has that many bytes."""
    plain = get("/healthz", "Connection: close", "X-Pad: ")
    return get("/healthz", "Connection: close", "X-Pad: " + "a" * (size - len(plain)))


def test_a_head_may_have_its_bytes_and_no_more(server: ServerThread) -> None:
    assert statuses(said(server, with_size(MOST_BYTES))) == [200]
    found = said(server, with_size(MOST_BYTES + 1))
    assert statuses(found) == [431]
    assert SLUG in found
    assert b"connection: close" in found


def test_a_head_may_have_its_lines_and_no_more(server: ServerThread) -> None:
    own = 4  # request line, Host, Connection, blank
    fields = [f"X-{i}: v" for i in range(MOST_LINES - own)]
    assert statuses(said(server, get("/healthz", "Connection: close", *fields))) == [200]
    assert statuses(said(server, get("/healthz", "Connection: close", *fields, "X: v"))) == [431]


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /" + b"a" * (20 << 20),
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * (20 << 20) + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:b\r\n" * 10_000 + b"\r\n",
        b"\r\n" * (1 << 20),
    ],
    ids=["request line", "one header", "10,000 lines", "empty lines"],
)
def test_a_sender_of_too_much_still_reads_the_refusal(server: ServerThread, endless: bytes) -> None:
    assert statuses(said(server, endless)) == [431]


def test_byte_by_byte_the_same_limit_holds(server: ServerThread) -> None:
    with socket.create_connection(server.address, timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        for _ in range(MOST_LINES):
            connection.sendall(b"A:")
            connection.sendall(b"b\r\n")
        assert statuses(everything(connection)) == [431]


def test_the_second_head_has_a_limit_of_its_own(server: ServerThread) -> None:
    most = with_size(MOST_BYTES).replace(b"Connection: close", b"Connection: alive")
    assert statuses(said(server, most, most, with_size(MOST_BYTES + 1))) == [200, 200, 431]


@pytest.mark.parametrize(
    "beside",
    [
        b"1\r\na\r\n0\r\nX-Trailer: " + b"a" * (1 << 20),
        b"1;" + b"a" * (1 << 20),
        b"1\r\na\r\n0\r\n" + b"A: b\r\n" * 100_000,
    ],
    ids=["trailer", "chunk extension", "trailers"],
)
def test_what_stands_beside_a_chunked_body_is_limited_too(
    server: ServerThread, beside: bytes
) -> None:
    head = question_head("Transfer-Encoding: chunked", length=None)
    assert statuses(said(server, head + beside)) == [431]


def test_trailers_are_no_headers(server: ServerThread) -> None:
    head = question_head("Transfer-Encoding: chunked", "Connection: close", length=None)
    found = said(server, head + b"0\r\nX-Request-Id: from-a-trailer\r\n\r\n")
    assert statuses(found) == [422]
    assert b"from-a-trailer" not in found


def test_bytes_of_all_connections_have_one_limit() -> None:
    waiting = WaitingBytes(100)
    assert waiting.change(0, 60)
    assert not waiting.change(0, 60)
    assert waiting.held_bytes == 120
    assert waiting.change(60, 50)
    waiting.change(60, 0)
    assert waiting.change(50, 90)


def test_heads_are_counted_out_when_they_are_answered_or_their_client_leaves(
    server: ServerThread,
) -> None:
    waiting = server.limits.waiting
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(get("/healthz"))
        connection.recv(4096)
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 1000)
        server.wait_until(lambda: waiting.held_bytes > 1000)
    server.wait_until(lambda: waiting.held_bytes == 0)
