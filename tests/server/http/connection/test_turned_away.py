"""A request that the front has no time for is answered before it is parsed."""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from server.front.gate import Visit
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import ServerThread, serving_fake
from tests.server.kit.raw_socket import GOOD, everything, get, question_head, statuses

URGENT = "X-Otmv-Max-Latency-Ms: 0.5"


@pytest.fixture
def pool() -> FakePool:
    return FakePool()


@pytest.fixture
def server(pool: FakePool) -> Iterator[ServerThread]:
    with serving_fake(pool) as running:
        yield running


@contextmanager
def crowded(server: ServerThread) -> Iterator[list[Visit]]:
    """Take every place of the front, the last visit in its line; one taken out has left before."""
    gate, taken = server.app.state.serving.front.gate, []
    while not taken or gate.inside == len(taken):
        taken.append(Visit("others", "vqa", 0.0, math.inf))
        gate.enter(taken[-1], 0.0)
    try:
        yield taken
    finally:
        for each in taken:
            server.on_loop(lambda each=each: gate.end(each, 0.0))


def urgent(*more: str) -> bytes:
    return question_head(URGENT, *more) + GOOD.body


def sent(server: ServerThread, data: bytes) -> bytes:
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(data)
        return everything(connection)


def test_it_is_a_problem_that_says_when_to_try_again(server: ServerThread, pool: FakePool) -> None:
    with crowded(server):
        found = sent(server, urgent("X-Request-Id: mine", "Connection: close"))
    head, _, body = found.partition(b"\r\n\r\n")
    problem = json.loads(body)
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"x-request-id: mine" in head
    assert b"retry-after: 1" in head.lower()
    assert problem["type"] == "urn:otmv:problem:front-busy"
    assert problem["instance"] == "/v1/vqa"
    assert problem["estimated_wait_ms"] > 0
    assert pool.admitted == []


def test_the_engine_is_told_of_those_who_wait(server: ServerThread, pool: FakePool) -> None:
    gate = server.app.state.serving.front.gate
    patient = question_head("Connection: close") + GOOD.body
    with ThreadPoolExecutor() as clients, crowded(server) as taken:
        in_line, inside = taken.pop(), taken.pop()
        server.on_loop(lambda: gate.end(in_line, 0.0))
        answers = [clients.submit(sent, server, patient) for _ in range(2)]
        server.wait_until(lambda: gate.waiting == 2)
        server.on_loop(lambda: gate.end(inside, 0.0))
        found = [statuses(each.result(10)) for each in answers]
    assert found == [[200], [200]]
    assert pool.outside == [1, 0]


def test_each_refusal_has_its_own_id_and_length(server: ServerThread) -> None:
    ids = ("a", "a-longer-id", "b")
    with crowded(server):
        found = [sent(server, urgent(f"X-Request-Id: {each}", "Connection: close")) for each in ids]
    for each, answer in zip(ids, found, strict=True):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert f"x-request-id: {each}\r\n".encode() in head + b"\r\n"
        assert f"content-length: {len(body)}\r\n".encode() in head + b"\r\n"
        assert json.loads(body)["request_id"] == each


def test_a_long_wait_is_said_as_it_is(server: ServerThread) -> None:
    def refused() -> bytes:
        return sent(server, urgent("Connection: close"))

    with crowded(server):
        short = json.loads(refused().partition(b"\r\n\r\n")[2])
        server.app.state.serving.front.gate._pace_s = 1.25  # and one is in the line
        head, _, body = refused().partition(b"\r\n\r\n")
    assert short["estimated_wait_ms"] < json.loads(body)["estimated_wait_ms"] == 2500
    assert "it would wait 2500 ms" in json.loads(body)["detail"]
    assert b"retry-after: 3\r\n" in head.lower()


def test_the_connection_is_kept_and_its_next_requests_are_answered(server: ServerThread) -> None:
    with crowded(server):
        found = sent(server, urgent() + urgent() + get("/healthz", "Connection: close"))
    assert statuses(found) == [503, 503, 200]
    assert statuses(sent(server, question_head("Connection: close") + GOOD.body)) == [200]


def test_a_body_that_comes_later_is_dropped(server: ServerThread) -> None:
    with (
        crowded(server),
        socket.create_connection(server.address, timeout=10) as connection,
    ):
        connection.sendall(question_head(URGENT))
        assert connection.recv(12) == b"HTTP/1.1 503"
        connection.sendall(GOOD.body + get("/healthz", "Connection: close"))
        assert b"HTTP/1.1 200 OK" in everything(connection)


def test_a_client_that_asks_before_its_body_is_sent_off(server: ServerThread) -> None:
    with crowded(server):
        found = sent(server, question_head(URGENT, "Expect: 100-continue"))
    assert statuses(found) == [503]
    assert b"connection: close" in found


def test_a_budget_in_the_body_counts_too(server: ServerThread) -> None:
    body = b'{"image": "", "question": "q", "budget": {"max_latency_ms": 0.5}}'
    head = (
        b"POST /v1/vqa HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    with crowded(server):
        assert statuses(sent(server, head + body)) == [503]


def test_who_has_time_waits_for_a_place(server: ServerThread) -> None:
    with socket.create_connection(server.address, timeout=10) as connection:
        with crowded(server):
            waiting = server.app.state.serving.front.gate.waiting
            connection.sendall(question_head("Connection: close") + GOOD.body)
            gate = server.app.state.serving.front.gate
            server.wait_until(lambda: gate.waiting > waiting)
        assert statuses(everything(connection)) == [200]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/variants"])
def test_whoever_looks_after_the_server_is_never_turned_away(
    server: ServerThread, path: str
) -> None:
    with crowded(server):
        assert statuses(sent(server, get(path, "Connection: close"))) == [200]


def test_it_is_counted(server: ServerThread) -> None:
    with crowded(server):
        sent(server, urgent("Connection: close"))
    registry = server.app.state.serving.telemetry.registry
    labels = {"status": "503", "problem": "front-busy"}
    assert registry.get_sample_value("otmv_http_responses_total", labels) == 1
    assert registry.get_sample_value("otmv_shed_total", {"reason": "front_busy"}) == 1


def test_the_front_is_empty_when_all_have_left(server: ServerThread) -> None:
    sent(server, question_head("Connection: close") + GOOD.body)
    gate = server.app.state.serving.front.gate
    server.wait_until(lambda: gate.inside == gate.waiting == 0)


def test_who_is_refused_behind_the_gate_leaves_its_place(pool: FakePool) -> None:
    with serving_fake(pool, keys={"team": {"sha256": "0" * 64}}) as server:
        for _ in range(20):
            assert statuses(sent(server, question_head("Connection: close") + GOOD.body)) == [401]
        server.wait_until(lambda: server.app.state.serving.front.gate.inside == 0)
