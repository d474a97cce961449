from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from loadtests.slo.client import LEFT, Connections, Send, SendJob, Sent, exact_loop, run

ROOT = Path(__file__).parents[3]


class Handler(BaseHTTPRequestHandler):
    """Answers what the body tells it to; remembers bodies and connections."""

    protocol_version = "HTTP/1.1"
    seen: list[dict[str, object]]
    gate: threading.Event
    answering: threading.Event

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append({**body, "from": self.client_address, "path": self.path})
        match body["do"]:
            case "answer":
                self.answering.set()
            case "wait":
                self.gate.wait()
            case "hang up":
                self.close_connection = True
                return
            case "chunks":
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
                return
        self.send_response(503 if body["do"] == "refuse" else 200)
        text = str(body["do"]).encode()
        self.send_header("Content-Length", str(len(text)))
        if body["do"] == "close":
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[ThreadingHTTPServer, type[Handler]]]:
    handler = type(
        "Fresh", (Handler,), {"seen": [], "gate": threading.Event(), "answering": threading.Event()}
    )
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    listening.daemon_threads = True
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield listening, handler
    handler.gate.set()
    listening.shutdown()
    thread.join()
    listening.server_close()


def job(server: ThreadingHTTPServer, *does: str, give_up_s: float = 30.0) -> SendJob:
    bodies = [json.dumps({"do": do}) for do in does]
    sends = [Send(0.001 * index, index) for index in range(len(does))]
    return SendJob("127.0.0.1", server.server_port, "/v1/vqa", bodies, sends, give_up_s)


def go(what: SendJob) -> Sent:
    with asyncio.Runner(loop_factory=exact_loop) as runner:
        return runner.run(run(what))


def test_every_kind_of_answer_is_kept_in_the_order_of_the_job(
    server: tuple[ThreadingHTTPServer, type[Handler]],
) -> None:
    listening, handler = server
    sent = go(job(listening, "answer", "refuse", "chunks", "close", "hang up"))
    assert [(reply.status, reply.body) for reply in sent.replies] == [
        (200, "answer"),
        (503, "refuse"),
        (200, "abcde"),
        (200, "close"),
        (LEFT, "ConnectionError"),
    ]
    assert {each["path"] for each in handler.seen} == {"/v1/vqa"}
    assert all(0 <= reply.sent_s <= reply.ended_s for reply in sent.replies)
    assert sent.cpu_s > 0


def test_requests_go_out_whatever_became_of_those_before(
    server: tuple[ThreadingHTTPServer, type[Handler]],
) -> None:
    listening, handler = server

    async def released() -> Sent:
        running = asyncio.create_task(run(job(listening, "wait", "wait", "answer")))
        await asyncio.to_thread(handler.answering.wait)
        handler.gate.set()
        return await running

    with asyncio.Runner(loop_factory=exact_loop) as runner:
        sent = runner.run(released())
    assert [reply.body for reply in sent.replies] == ["wait", "wait", "answer"]
    assert len({each["from"] for each in handler.seen}) == 3


def test_who_gets_no_answer_gives_up_and_a_closed_port_is_no_crash(
    server: tuple[ThreadingHTTPServer, type[Handler]],
) -> None:
    listening, _ = server
    (reply,) = go(job(listening, "wait", give_up_s=0.05)).replies
    assert (reply.status, reply.body) == (LEFT, "TimeoutError")
    absent = SendJob("127.0.0.1", 1, "/", ["{}"], [Send(0.0, 0)], 5.0)
    assert go(absent).replies[0].status == LEFT


def test_a_connection_is_used_again(server: tuple[ThreadingHTTPServer, type[Handler]]) -> None:
    listening, handler = server

    async def twice() -> list[tuple[int, bytes]]:
        connections = Connections("127.0.0.1", listening.server_port)
        found = [await connections.exchange(request) for _ in range(2)]
        connections.close()
        return found

    body = b'{"do": "answer"}'
    request = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    assert asyncio.run(twice()) == [(200, b"answer")] * 2
    assert len({each["from"] for each in handler.seen}) == 1


def test_it_runs_as_a_process_and_the_job_survives_the_trip(
    server: tuple[ThreadingHTTPServer, type[Handler]],
) -> None:
    listening, _ = server
    wanted = job(listening, "answer", "refuse")
    assert SendJob.from_json(wanted.to_json()) == wanted
    done = subprocess.run(
        [sys.executable, "-m", "loadtests.slo.client"],
        input=wanted.to_json(),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    sent = Sent.from_json(done.stdout)
    assert [reply.status for reply in sent.replies] == [200, 503]
    assert Sent.from_json(sent.to_json()) == sent
