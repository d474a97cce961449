"""What tests of a running server share: questions to send, numbers to read."""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx

from loadtests.cases import CONTENT_TYPE, encode_form
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


def metric(server: LiveServer, name: str) -> dict[str, float]:
    """Return a metric's values by its labels, as text."""
    page = httpx.get(f"{server.url}/metrics", timeout=60).text
    found = re.findall(rf"^otmv_{name}(?:\{{(.*)\}})? (\S+)$", page, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def ended(server: LiveServer) -> dict[str, float]:
    """Return how many requests ended, by outcome."""
    found: dict[str, float] = {}
    for labels, value in metric(server, "requests_total").items():
        outcome = re.search(r'outcome="(\w+)"', labels)
        assert outcome is not None
        found[outcome[1]] = found.get(outcome[1], 0.0) + value
    return found


def resident_bytes(server: LiveServer) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def half_sent(server: LiveServer) -> tuple[socket.socket, bytes]:
    """Begin a request; return its connection and the rest of it."""
    request = question().encode("slow")
    connection = socket.create_connection(server.address, timeout=60)
    connection.sendall(request[: len(request) // 2])
    return connection, request[len(request) // 2 :]
