"""Cells of a server: a small HTTP one in the place of any, and ours."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from engine.telemetry import Telemetry
from loadtests.kit.errors import BenchError
from loadtests.slo import servers, visits, yardstick
from loadtests.slo.client import Send, SendJob, Sent, exact_loop, run
from loadtests.slo.judging.calibration import read_tenths, scrape
from loadtests.slo.servers import Running
from loadtests.slo.visits import Offering
from loadtests.slo.workload import Cell, CellLength

TELEMETRY = Telemetry()


@contextmanager
def answering(variant: str) -> Iterator[Running]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"answers": [{"variant": variant}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            found = generate_latest(TELEMETRY.registry)
            self.send_response(200)
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            self.wfile.write(found)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield Running(os.getpid(), "127.0.0.1", listening.server_port)
    finally:
        listening.shutdown()
        listening.server_close()


@pytest.fixture(autouse=True)
def send_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send from this process, which costs no start."""

    def send(
        server: Running, texts: Sequence[str], give_up_s: float, sends: Iterable[Send]
    ) -> Sent:
        job = SendJob(server.host, server.port, "/v1/vqa", texts, list(sends), give_up_s)
        with asyncio.Runner(loop_factory=exact_loop) as runner:
            return runner.run(run(job))

    monkeypatch.setattr(visits, "send_job", send)
    monkeypatch.setattr(visits, "WARM_S", 0.02)


def test_a_cell_is_measured_without_its_warm_part() -> None:
    offering = Offering(100.0, 5.0, CellLength(0.05, 0.1, 12), 3)
    with answering("d3") as server:
        offering.warm(server)
        score = offering.cell(server, Cell(1.0, 1.0), {"d3": 0.7, "full": 0.9})
    assert score.offered >= 12
    assert score.seconds >= 0.1
    assert (score.attainment, set(score.variants)) == (1.0, {"d3"})
    assert score.effective == pytest.approx(70.0)


def test_a_server_that_stopped_answering_ends_the_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits.time, "sleep", lambda seconds: None)
    offering = Offering(100.0, 5.0, CellLength(0.05, 0.1, 12), 3)
    with pytest.raises(BenchError, match="no longer answers"):
        offering.cell(Running(os.getpid(), "127.0.0.1", 1), Cell(1.0, 1.0), {"d3": 0.7})


def test_chances_are_read_from_a_running_server() -> None:
    TELEMETRY.came_true(0.95, True)
    with answering("full") as server:
        assert scrape(server.host, server.port)[9].count == 1
    assert sum(each.count for each in read_tenths("")) == 0


@pytest.mark.e2e
@pytest.mark.slow
def test_our_real_server_takes_the_requests_and_its_answers_are_read(tmp_path: Path) -> None:
    demo = Path(__file__).parents[3] / "examples/demo-artifact"
    found = yardstick.measure_yardstick(demo, tmp_path, 0, lambda what, share: None)
    offering = Offering(found.capacity_hz, found.solo_s, CellLength(0.2, 1.0, 20), 0)
    with servers.ours(demo, tmp_path) as server:
        offering.warm(server)
        score = offering.cell(server, Cell(0.1, 1.0), found.quality)
    assert score.offered >= 20
    assert set(score.variants) <= set(found.quality)
    refused = ("late", "504 deadline-unattainable", "504 deadline-expired")
    assert set(score.misses) <= set(refused)
