"""Requests for a running server that shows the demo, and a way to send them."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator

import httpx

from loadtests.kit.asking.forms import CONTENT_TYPE, encode_form
from tests.e2e.demo_copies import ROOT
from tests.e2e.http_load import Post
from tests.server.kit.live_server import LiveServer

PICTURE = ROOT / "examples" / "images" / "shapes.jpg"
QUESTION = {"question": "what color is the cross?", "max_latency_ms": "30000"}
ANSWER = "red"


def question(**fields: str) -> Post:
    """A question whose answer is `ANSWER`."""
    return Post("/v1/vqa", CONTENT_TYPE, encode_form(PICTURE.read_bytes(), QUESTION | fields))


def caption() -> Post:
    fields = {"max_latency_ms": "30000"}
    return Post("/v1/caption", CONTENT_TYPE, encode_form(PICTURE.read_bytes(), fields))


def mixed() -> Iterator[Post]:
    """Three questions, then a caption, without end."""
    return itertools.cycle([question(), question(variant="d2"), question(), caption()])


def send(server: LiveServer, post: Post, timeout_s: float = 30.0) -> httpx.Response:
    headers = {"content-type": post.content_type}
    return httpx.post(server.url + post.path, content=post.body, headers=headers, timeout=timeout_s)


def answers(server: LiveServer) -> bool:
    """Tell whether the server gives the right answer."""
    response = send(server, question())
    return response.status_code == 200 and response.json()["answers"][0]["answer"] == ANSWER


def half_sent(server: LiveServer) -> tuple[socket.socket, bytes]:
    """Begin a request; return its connection and the rest of it."""
    request = question().encode("slow")
    connection = socket.create_connection(server.address, timeout=60)
    connection.sendall(request[: len(request) // 2])
    return connection, request[len(request) // 2 :]
