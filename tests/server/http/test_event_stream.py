"""Captions as server-sent events, over a real socket and with real clients."""

from __future__ import annotations

import gc
import json
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from engine.errors import DeadlineExpired, DeadlineUnattainable, InferenceFailed, QueueFull
from engine.tasks.caption import CaptionInput
from otmv_serve import OtmvClient, RequestFailed
from pictures.picture import Picture
from server.tasks.caption import CaptionResponse
from tests.server.kit import sample_pictures
from tests.server.kit.bad_requests import CAPTION, FORM_TYPE, form, good_request
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import ServerThread, serving_fake

STREAM = form([("image", sample_pictures.jpeg()), ("stream", b"true")])
ODD_PIECES = (
    'a "quoted"',
    "\nline",
    "\r\n",
    "data: x\n\nevent: done\n\n",
    " \u2028\u0085é",
    "\0",
    "😀",
    ":",
)
Event = tuple[str, dict[str, Any]]


def read_events(text: str) -> list[Event]:
    """Read a whole stream as the standard says, allowing only what this server sends."""
    assert text.endswith("\n\n")
    found = []
    for block in text[:-2].split("\n\n"):
        name, data = block.split("\n")
        assert name.startswith("event: ")
        assert data.startswith("data: ")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


@contextmanager
def streaming(server: ServerThread) -> Iterator[httpx.Response]:
    with (
        httpx.Client(base_url=server.url, timeout=20) as client,
        client.stream("POST", CAPTION, content=STREAM, headers=FORM_TYPE) as response,
    ):
        yield response


def post(server: ServerThread, body: bytes = STREAM) -> httpx.Response:
    return httpx.post(f"{server.url}{CAPTION}", content=body, headers=FORM_TYPE, timeout=20)


def test_pieces_come_then_the_whole_answer() -> None:
    pool = FakePool()
    with serving_fake(pool) as server:
        response = post(server)
        whole = post(server, form([("image", sample_pictures.jpeg())])).json()
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    *tokens, (last, done) = read_events(response.text)
    assert tokens == [("token", {"text": piece}) for piece in pool.pieces]
    assert last == "done"
    assert CaptionResponse.model_validate(done).caption == "a red circle"
    assert done["request_id"] == response.headers["x-request-id"]
    assert (list(done), done["caption"]) == (list(whole), whole["caption"])


def test_any_text_arrives_as_it_is() -> None:
    pool = FakePool()
    with serving_fake(pool) as server, OtmvClient(server.url) as client:
        for pieces in (ODD_PIECES, *((piece,) for piece in ODD_PIECES), ()):
            pool.pieces = pieces
            response = post(server)
            *heard, caption = client.stream_caption(sample_pictures.jpeg())
            assert response.content.isascii()
            *tokens, (_, done) = read_events(response.text)
            assert [data["text"] for _, data in tokens] == heard == list(pieces)
            assert done["caption"] == caption.caption == "".join(pieces)


def test_the_first_piece_is_sent_while_the_rest_is_written() -> None:
    pool = FakePool(hold=True, early=1)
    with serving_fake(pool) as server, streaming(server) as response:
        lines = response.iter_lines()
        assert [next(lines), next(lines)] == ["event: token", 'data: {"text": "a"}']
        assert pool.waiting == 1
        assert server.app.state.serving.bodies.held_bytes == 0
        held = [each for each in gc.get_objects() if isinstance(each, Picture)]
        assert all(picture.data == b"" for picture in held)
        pool.release()
        assert 'data: {"text": " circle"}' in list(lines)


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (DeadlineExpired(1.5), 504, "deadline-expired"),
        (InferenceFailed("block_decode[0]", "NaN in /secret"), 500, "internal"),
    ],
)
def test_a_failure_after_the_start_is_the_last_event(
    caplog: pytest.LogCaptureFixture, error: Exception, status: int, words: str
) -> None:
    pool = FakePool(early=2, answer_error=error)
    with caplog.at_level(logging.ERROR, "otmv.server"), serving_fake(pool) as server:
        response = post(server)
        with OtmvClient(server.url) as connected, pytest.raises(RequestFailed) as caught:
            list(connected.stream_caption(sample_pictures.jpeg()))
    assert response.status_code == 200
    *tokens, (last, problem) = read_events(response.text)
    assert [data["text"] for _, data in tokens] == ["a", " red"]
    assert last == "error"
    assert (problem["type"], problem["status"]) == (f"urn:otmv:problem:{words}", status)
    assert problem["request_id"] == response.headers["x-request-id"]
    assert "secret" not in response.text
    assert ("secret" in caplog.text) is (status == 500)
    assert caught.value.status == status
    assert pool.open_places == 0


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"admit_error": QueueFull(8, 2.0)}, 429),
        ({"admit_error": DeadlineUnattainable(1.0, 40.0, "d2")}, 504),
        ({"answer_error": DeadlineExpired(1.5)}, 504),
        ({"answer_error": ValueError("/secret")}, 500),
    ],
)
def test_what_fails_before_the_start_keeps_its_status(
    client: TestClient, pool: FakePool, change: dict[str, Any], status: int
) -> None:
    for name, value in change.items():
        setattr(pool, name, value)
    response = client.post(CAPTION, content=STREAM, headers=FORM_TYPE)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["request_id"] == response.headers["x-request-id"]
    assert ("retry-after" in response.headers) is (status == 429)
    assert pool.open_places == 0


def test_beams_reach_the_engine_and_are_refused_by_it(client: TestClient, pool: FakePool) -> None:
    file = {"image": sample_pictures.jpeg()}
    assert client.post(CAPTION, files=file, data={"num_beams": "3"}).status_code == 200
    (seen,) = pool.seen
    assert isinstance(seen, CaptionInput)
    assert (seen.num_beams, pool.rows) == (3, [3])
    refused = client.post(CAPTION, files=file, data={"num_beams": "5"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "num_beams"
    streamed = client.post(CAPTION, files=file, data={"num_beams": "2", "stream": "true"})
    assert streamed.json()["errors"][0]["field"] == "stream"
    assert len(pool.admitted) == 1


@pytest.mark.parametrize("early", [0, 2])
def test_a_client_that_leaves_cancels_its_caption(early: int) -> None:
    pool = FakePool(hold=True, early=early)
    with serving_fake(pool) as server:
        with socket.create_connection(server.address, timeout=10) as connection:
            head = f"POST {CAPTION} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(STREAM)}\r\n"
            head += f"Content-Type: {FORM_TYPE['content-type']}\r\n\r\n"
            connection.sendall(head.encode() + STREAM)
            assert pool.wait_for(lambda p: p.waiting == 1)
            if early:
                assert b"200 OK" in connection.recv(4096)
        assert pool.wait_for(lambda p: not p.open_places)
        assert [outcome for _, outcome in pool.cancelled] == ["cancelled"]
        pool.release()
        assert post(server).status_code == 200


def test_leaving_the_clients_iterator_cancels_too() -> None:
    pool = FakePool(hold=True, early=1)
    with serving_fake(pool) as server, OtmvClient(server.url) as client:
        stream = client.stream_caption(sample_pictures.jpeg())
        assert next(stream) == "a"
        stream.close()
        assert pool.wait_for(lambda p: not p.open_places)
        assert [outcome for _, outcome in pool.cancelled] == ["cancelled"]


def test_a_slow_reader_holds_up_no_other_request() -> None:
    pool = FakePool(hold=True, early=1, pieces=tuple("x" * 20_000 for _ in range(512)))
    with serving_fake(pool) as server, streaming(server) as response:
        chunks = response.iter_text()
        text = next(chunks)
        pool.release()  # returns when every piece was handed over, though no client reads
        assert pool.open_places == 0
        assert httpx.get(f"{server.url}/readyz", timeout=20).status_code == 200
        text += "".join(chunks)
    *tokens, (_, done) = read_events(text)
    assert len(tokens) == 512
    assert "".join(data["text"] for _, data in tokens) == done["caption"]


def test_draining_finishes_a_running_stream() -> None:
    pool = FakePool(hold=True, early=1)
    with serving_fake(pool) as server, streaming(server) as response:
        lines = response.iter_lines()
        assert next(lines) == "event: token"
        server.terminate()
        assert pool.wait_for(lambda p: p.draining)
        late = post(server, good_request().body)
        assert (late.status_code, late.json()["type"]) == (503, "urn:otmv:problem:draining")
        assert pool.waiting == 1
        pool.release()
        assert "event: done" in list(lines)
        server.thread.join(20)
        assert not server.thread.is_alive()
    assert not pool.cancelled
    assert pool.closed
