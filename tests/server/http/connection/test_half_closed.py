"""Clients of another age, and those that have sent their last byte."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.server.kit.bad_requests import CAPTION, FORM_TYPE, form
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import ServerThread, serving_fake
from tests.server.kit.raw_socket import GOOD, everything, get, question_head, said, statuses
from tests.server.kit.sample_pictures import jpeg

QUESTION = question_head() + GOOD.body
STREAM = form([("image", jpeg()), ("stream", b"true")])


@pytest.fixture(scope="module")
def server() -> Iterator[ServerThread]:
    with serving_fake(FakePool()) as fake:
        yield fake


@pytest.mark.parametrize("sent", [get(), QUESTION, QUESTION + get() + QUESTION])
def test_what_was_sent_before_the_end_is_answered(server: ServerThread, sent: bytes) -> None:
    wanted = [200] * (sent.count(QUESTION) + sent.count(get()))
    assert statuses(said(server, sent, closes=True)) == wanted


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_client_that_waits_is_not_taken_for_one_that_left(version: str) -> None:
    pool = FakePool(hold=True)
    with (
        serving_fake(pool) as server,
        socket.create_connection(server.address, timeout=10) as connection,
    ):
        connection.sendall(question_head(version=version) + GOOD.body)
        assert pool.wait_for(lambda p: p.waiting == 1)
        connection.shutdown(socket.SHUT_WR)
        assert not pool.wait_for(lambda p: bool(p.cancelled), 0.5)
        pool.release()
        assert statuses(everything(connection)) == [200]


@pytest.mark.parametrize("cut", [5, len(question_head()), len(QUESTION) - 1])
def test_half_a_request_is_no_request(server: ServerThread, cut: int) -> None:
    assert 200 not in statuses(said(server, QUESTION[:cut], closes=True))


def test_http_1_0_is_answered_and_closed(server: ServerThread) -> None:
    found = said(server, question_head(version="1.0") + GOOD.body)
    assert statuses(found) == [200]
    assert b"100 Continue" not in found


def test_http_1_0_is_never_told_to_continue(server: ServerThread) -> None:
    found = said(server, question_head("Expect: 100-continue", version="1.0") + GOOD.body)
    assert found.startswith(b"HTTP/1.1 200")


def test_http_1_0_gets_a_stream_whole(server: ServerThread) -> None:
    lines = [f"POST {CAPTION} HTTP/1.0", f"Content-Length: {len(STREAM)}"]
    lines += [f"{name}: {value}" for name, value in FORM_TYPE.items()]
    found = said(server, "\r\n".join([*lines, "", ""]).encode() + STREAM)
    head, _, body = found.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert f"content-length: {len(body)}".encode() in head.lower()
    assert body.startswith(b"event: token")
    assert b"event: done" in body
