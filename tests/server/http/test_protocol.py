"""Limits on what arrives, kept by the connection itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.server.kit.bad_requests import good_request
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import ServerThread, serving_fake

HEAD_S = 0.2
GOOD = good_request()


@pytest.fixture(scope="module")
def server() -> Iterator[ServerThread]:
    with serving_fake(FakePool(), head_timeout_s=HEAD_S, body_timeout_s=HEAD_S) as fake:
        yield fake


def head(length: int, path: str = GOOD.path) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in GOOD.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def answer(server: ServerThread, sent: bytes) -> bytes:
    """Send something unfinished; return all that comes until the server closes."""
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(sent)
        return connection.makefile("rb").read()


def test_an_unfinished_head_gets_a_problem_and_the_end(server: ServerThread) -> None:
    found = answer(server, b"GET /healthz HTTP/1.1\r\nHost:")
    assert found.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"urn:otmv:problem:head-too-slow" in found
    assert b"x-request-id" in found


def test_a_client_that_sends_nothing_gets_no_answer(server: ServerThread) -> None:
    assert answer(server, b"") == b""


def test_an_unfinished_body_gets_a_problem_and_the_end(server: ServerThread) -> None:
    found = answer(server, head(len(GOOD.body)) + GOOD.body[:20])
    assert found.startswith(b"HTTP/1.1 408 ")
    assert b"urn:otmv:problem:body-too-slow" in found


def test_the_head_of_a_second_request_has_a_limit_too(server: ServerThread) -> None:
    found = answer(server, head(len(GOOD.body)) + GOOD.body + b"GET /healthz HTT")
    assert found.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in found


def answer_late(pool: FakePool, connection: socket.socket) -> None:
    """Let a request wait longer than a head may take, hear nothing, then answer it."""
    assert pool.wait_for(lambda p: p.waiting == 1)
    connection.settimeout(HEAD_S * 3)
    with pytest.raises(TimeoutError):
        connection.recv(1)
    pool.release()
    connection.settimeout(10)


def test_an_answer_may_take_longer_than_a_head() -> None:
    pool = FakePool(hold=True)
    with (
        serving_fake(pool, head_timeout_s=HEAD_S, body_timeout_s=HEAD_S) as server,
        socket.create_connection(server.address, timeout=10) as connection,
    ):
        connection.sendall(head(len(GOOD.body)) + GOOD.body)
        answer_late(pool, connection)
        assert connection.recv(20).startswith(b"HTTP/1.1 200")


def test_a_second_head_is_not_refused_in_the_middle_of_an_answer() -> None:
    pool = FakePool(hold=True)
    with (
        serving_fake(pool, head_timeout_s=HEAD_S, body_timeout_s=HEAD_S) as server,
        socket.create_connection(server.address, timeout=10) as connection,
    ):
        connection.sendall(head(len(GOOD.body)) + GOOD.body + b"GET /healthz HTT")
        answer_late(pool, connection)
        found = connection.makefile("rb").read()
    assert found.startswith(b"HTTP/1.1 200 ")
    assert found.count(b"HTTP/1.1 408 ") == 1
