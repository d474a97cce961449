"""What is one request, what is none, and that nothing is run twice or as another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import ServerThread, serving_fake
from tests.server.kit.raw_socket import GOOD, chunks, get, question_head, said, statuses

H2C = (
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
)
WEBSOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
CHUNKED = "Transfer-Encoding: chunked"
CLOSE = "Connection: close"
INNER = get("/v1/variants", "X-Request-Id: ran-the-body")


@pytest.fixture(scope="module")
def pool() -> FakePool:
    return FakePool()


@pytest.fixture(scope="module")
def server(pool: FakePool) -> Iterator[ServerThread]:
    with serving_fake(pool) as fake:
        yield fake


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET], ids=["h2c", "websocket"])
@pytest.mark.parametrize("apart", [True, False], ids=["apart", "at once"])
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "length"])
def test_an_offered_upgrade_is_ignored_and_the_body_read(
    server: ServerThread, offer: tuple[str, ...], apart: bool, chunked: bool
) -> None:
    head = question_head(*offer, CHUNKED, length=None) if chunked else question_head(*offer)
    body = chunks(GOOD.body, [700]) if chunked else GOOD.body
    sent = (head, body) if apart else (head + body,)
    found = said(server, *sent, get("/healthz", CLOSE))
    assert statuses(found) == [200, 200]
    assert b'"top_k"' in found


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET], ids=["h2c", "websocket"])
def test_an_upgrade_without_a_body_is_a_request(
    server: ServerThread, offer: tuple[str, ...]
) -> None:
    assert statuses(said(server, get("/healthz", *offer) + get("/readyz", CLOSE))) == [200, 200]


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET], ids=["h2c", "websocket"])
@pytest.mark.parametrize("apart", [True, False], ids=["apart", "at once"])
def test_a_body_is_never_run_as_a_request(
    server: ServerThread, offer: tuple[str, ...], apart: bool
) -> None:
    head = question_head(*offer, length=len(INNER))
    sent = (head, INNER) if apart else (head + INNER,)
    found = said(server, *sent, get("/healthz", CLOSE))
    assert statuses(found) == [422, 200]
    assert b"ran-the-body" not in found


def test_chunks_of_blank_lines_are_a_body(server: ServerThread) -> None:
    body = b"\r\n\r\n" * 20_000
    head = question_head(CHUNKED, length=None)
    found = said(server, head + chunks(body, [3, 70_000]) + get("/healthz", CLOSE))
    assert statuses(found) == [422, 200]


@pytest.mark.parametrize("split", [1, 7, 100])
def test_requests_in_any_parts_are_the_same_requests(server: ServerThread, split: int) -> None:
    head = question_head(CHUNKED, length=None)
    sent = get() + head + chunks(GOOD.body, [60]) + question_head() + GOOD.body + get("/v0", CLOSE)
    parts = [sent[i : i + split] for i in range(0, len(sent), split)]
    assert statuses(said(server, *parts)) == [200, 200, 200, 404]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 501),
        (get(method="TRACE"), 405),
        (get(method="get"), 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (get("/", "Host: y"), 400),
        (b"GET /\r\n\r\n", 400),
        (get("/", " folded"), 400),
        (get("/", "X: a\x00b"), 400),
        (get("/", "X : a"), 400),
        (get("/\x00"), 400),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (question_head(f"Content-Length: {len(GOOD.body)}") + GOOD.body, 400),
        (question_head("Content-Length: 5", length=4) + b"abcde", 400),
        (question_head("Content-Length: 4, 4", length=None) + b"abcd", 400),
        (question_head("Content-Length: +4", length=None) + b"abcd", 400),
        (question_head(CHUNKED, length=4) + b"0\r\n\r\n" + INNER, 400),
        (question_head(*H2C, CHUNKED, length=4) + b"0\r\n\r\n" + INNER, 400),
        (question_head("Transfer-Encoding: gzip", length=None) + INNER, 400),
        (question_head("Transfer-Encoding: chunked, gzip", length=None) + INNER, 400),
        (question_head(CHUNKED, length=None) + b"FFFFFFFFFFFFFFFFF\r\nx\r\n", 400),
        (question_head(CHUNKED, length=None) + b"-1\r\nx\r\n", 400),
        (question_head(CHUNKED, length=None) + b"0x1\r\nx\r\n", 400),
        (question_head(CHUNKED, length=None) + b"1\r\nxy\r\n0\r\n\r\n", 400),
        (question_head(CHUNKED, length=None) + b"0\n\n" + INNER, 400),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(
    server: ServerThread, pool: FakePool, sent: bytes, status: int
) -> None:
    admitted = len(pool.admitted)
    found = said(server, sent, closes=status == 405)
    assert statuses(found) == [status]
    assert b"application/problem+json" in found
    assert len(pool.admitted) == admitted
    assert b"ran-the-body" not in found


@pytest.mark.parametrize(
    ("target", "status"), [("http://elsewhere.example/healthz", 200), ("//healthz", 404)]
)
def test_a_target_may_be_absolute(server: ServerThread, target: str, status: int) -> None:
    assert statuses(said(server, get(target, CLOSE))) == [status]


@pytest.mark.parametrize("path", ["/v1/vqa/", "/healthz/", "/v1/variants/", "/docs/", "//"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_leads_to_another_address(server: ServerThread, path: str, method: str) -> None:
    found = said(server, get(path, CLOSE, method=method))
    assert statuses(found) == [404]
    assert b"location:" not in found.lower()
