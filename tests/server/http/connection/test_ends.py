"""How connections end: a refusal can be read, and nothing is held for ever."""

from __future__ import annotations

import hashlib
import socket
import time

import httpx
import pytest

from server import run
from server.configuration.api_key import ApiKey
from server.http.connection import transport
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import ServerThread, serving_fake
from tests.server.kit.raw_socket import GOOD, everything, get, question_head, said, statuses

MB = 2**20
SECRET = "otmv-secret"
KEYS = {
    "one": ApiKey(sha256=hashlib.sha256(SECRET.encode()).hexdigest(), rate_per_s=0.001, burst=1)
}


def is_cut_off(connection: socket.socket, stray: bytes) -> bool:
    """Send something again and again; return whether the server ends the connection for it."""
    end_s = time.monotonic() + 10
    while time.monotonic() < end_s:
        try:
            connection.sendall(stray)
        except (BrokenPipeError, ConnectionResetError):
            return True
        time.sleep(0.02)
    return False


def test_refusals_of_a_large_upload_can_be_read() -> None:
    size = 18 * MB
    head = question_head("Connection: close", length=size)
    known = question_head("Connection: close", f"Authorization: Bearer {SECRET}", length=size)
    with serving_fake(FakePool(), keys=KEYS) as server:
        assert statuses(said(server, head + b"x" * size)) == [401]
        assert statuses(said(server, known + b"x" * size)) == [422]
        assert statuses(said(server, known + b"x" * size)) == [429]


def test_a_sender_that_goes_on_can_read_the_refusal_and_is_cut_off_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "LINGER_S", 0.3)
    with (
        serving_fake(FakePool(), max_body_bytes=MB) as server,
        socket.create_connection(server.address, timeout=10) as connection,
    ):
        connection.sendall(question_head(length=2 * MB) + b"x")
        answer = everything(connection)
        assert statuses(answer) == [413]
        assert b"connection: close" in answer
        assert is_cut_off(connection, b"x")


def test_a_kept_connection_survives_a_refused_upload() -> None:
    with serving_fake(FakePool(), keys=KEYS) as server:
        sent = question_head(length=MB) + b"x" * MB + get("/healthz", "Connection: close")
        assert statuses(said(server, sent)) == [401, 200]


def test_stray_bytes_do_not_keep_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_KEEP_ALIVE_S", 0.5)
    with (
        serving_fake(FakePool()) as server,
        socket.create_connection(server.address, timeout=10) as connection,
    ):
        connection.sendall(get())
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        assert is_cut_off(connection, b"\r\n")


def test_a_client_that_never_reads_holds_one_read_of_requests() -> None:
    sent = get("/openapi.json") * 1_000_000
    with serving_fake(FakePool(), body_timeout_s=0.5) as server:
        with socket.create_connection(server.address, timeout=1) as connection:
            with pytest.raises((TimeoutError, ConnectionError)):
                connection.sendall(sent)
            assert server.limits.waiting.held_bytes < MB
            assert httpx.get(f"{server.url}/healthz", timeout=2).status_code == 200
        server.wait_until(lambda: server.limits.waiting.held_bytes == 0)


def test_pipelined_requests_are_answered_in_order() -> None:
    with serving_fake(FakePool()) as server:
        paths = ["/healthz", "/v1/variants", "/gone", "/readyz"] * 100
        sent = b"".join(get(path, f"X-Request-Id: {i}") for i, path in enumerate(paths))
        found = said(server, sent + get("/healthz", "Connection: close"))
    assert statuses(found) == [200, 200, 404, 200] * 100 + [200]
    ids = [line for line in found.split(b"\r\n") if line.startswith(b"x-request-id: ")]
    assert ids[:400] == [b"x-request-id: %d" % i for i in range(400)]


def test_one_request_at_a_time_is_run() -> None:
    pool = FakePool(hold=True)
    with (
        serving_fake(pool) as server,
        socket.create_connection(server.address, timeout=10) as connection,
    ):
        connection.sendall((question_head() + GOOD.body) * 5)
        assert pool.wait_for(lambda p: p.waiting == 1)
        assert not pool.wait_for(lambda p: p.waiting > 1, 0.3)
        pool.release()


def drained(server: ServerThread, sent: bytes) -> bytes:
    server.terminate()
    server.wait_until(lambda: server.app.state.serving.state == "draining")
    return said(server, sent)


@pytest.mark.parametrize("sent", [get("/readyz"), question_head() + GOOD.body])
def test_every_503_of_a_draining_server_closes(sent: bytes) -> None:
    with serving_fake(FakePool(), drain_delay_s=1) as server:
        found = drained(server, sent)
    assert statuses(found) == [503]
    assert b"connection: close" in found
