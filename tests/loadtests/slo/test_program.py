"""Our side and the rivals' in turns, with a small HTTP server in the place of all of them."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from engine.telemetry import Telemetry
from loadtests.kit.artifacts import FAMILY
from loadtests.kit.errors import BenchError
from loadtests.rivals.options import RivalOptions
from loadtests.slo import capacity, program, servers, visits
from loadtests.slo.client import SendJob, Sent, exact_loop, run
from loadtests.slo.program import SloBench, run_alone, run_beside, sweep
from loadtests.slo.servers import Running
from loadtests.slo.sweep import GRID, RivalSettings
from loadtests.slo.visits import OURS, Offering
from loadtests.slo.workload import Cell
from tests.engine.artifacts.tiny_artifact import write_tiny

CELLS = (Cell(1.0, 1.0), Cell(2.0, 4.0))
FAMILY_OF_TINY = ["d1", "d2", "d3", "full"]


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


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """Replace servers and capacity; the list gets what was started: name, variant, batch."""
    calls: list[tuple[str, str, int]] = []

    @contextmanager
    def ours(artifact: Path, cache: Path) -> Iterator[Running]:
        calls.append((OURS, "", 0))
        with answering("full") as server:
            yield server

    @contextmanager
    def rival(folder: Path, name: str, options: RivalOptions, probe: str) -> Iterator[Running]:
        calls.append((name, options.variant, options.max_batch))
        if name == "ray" and options.variant == "d2":
            raise BenchError("it did not become ready: why")
        with answering(options.variant) as server:
            yield server

    def send(job: SendJob) -> Sent:
        with asyncio.Runner(loop_factory=exact_loop) as runner:
            return runner.run(run(job))

    rates = {name: {1: 200.0} for name in FAMILY_OF_TINY}
    monkeypatch.setattr(servers, "ours", ours)
    monkeypatch.setattr(servers, "rival", rival)
    monkeypatch.setattr(capacity, "measure", lambda root: rates)
    monkeypatch.setattr(visits, "_send", send)  # in this process: it starts many
    monkeypatch.setattr(visits, "_WARM_S", 0.05)
    monkeypatch.setattr(visits, "_SOLO_SENDS", 3)
    return calls


@pytest.fixture
def setup(tmp_path: Path) -> SloBench:
    write_tiny(tmp_path / FAMILY)
    return SloBench(tmp_path, tmp_path / "env", Offering(CELLS, 0.1, 0))


def silent(what: str, share: float) -> None:
    assert 0 <= share <= 1


def test_ours_is_measured_before_each_rival_and_after_the_last(
    started: list[tuple[str, str, int]], setup: SloBench
) -> None:
    settings = {"mosec": RivalSettings(4, 1, 2), "litserve": RivalSettings(8, 1, 8)}
    measured = run_beside(settings, setup, silent)
    solo, *others = [name for name, _, _ in started]
    assert [solo, *others] == [OURS, OURS, *["mosec"] * 4, OURS, *["litserve"] * 4, OURS]
    assert [batch for name, _, batch in started if name == "mosec"] == [4] * 4
    assert list(measured.yardstick.quality) == FAMILY_OF_TINY
    assert measured.yardstick.full == "full"
    assert {row.turn for row in measured.rows if row.side == OURS} == {0, 1, 2}
    assert len(measured.rows) == (3 + 8) * len(CELLS)
    offered = {(row.cell, row.score.offered) for row in measured.rows}
    assert len(offered) == len(CELLS)  # the same for every side
    assert (measured.absent, measured.failures) == ({}, [])


def test_a_rival_that_fails_is_left_out_and_the_others_go_on(
    started: list[tuple[str, str, int]], setup: SloBench
) -> None:
    settings = {"ray": RivalSettings(4, 1, 2), "mosec": RivalSettings(4, 1, 2)}
    measured = run_beside(settings, setup, silent)
    assert measured.absent == {"ray": "it did not become ready: why"}
    assert measured.failures == ["ray: it did not become ready: why"]
    assert {row.side for row in measured.rows} == {OURS, "mosec"}


def test_the_sweep_tries_every_setting_on_the_full_variant(
    started: list[tuple[str, str, int]], setup: SloBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "GRID", GRID[:2])
    trials = sweep(["mosec"], setup, silent)
    assert [trial.settings for trial in trials["mosec"]] == list(GRID[:2])
    assert {variant for name, variant, _ in started if name == "mosec"} == {"full"}


@pytest.mark.e2e
@pytest.mark.slow
def test_our_real_server_takes_the_requests_and_its_answers_are_read(tmp_path: Path) -> None:
    setup = SloBench(tmp_path, tmp_path, Offering((Cell(0.1, 1.0),), 1.0, 0))
    demo = Path(__file__).parents[3] / "examples/demo-artifact"
    measured = run_alone(demo, setup, silent)
    (row,) = measured.rows
    assert row.score.offered > 0
    assert set(row.score.variants) <= set(measured.yardstick.quality)
    refused = ("late", "504 deadline-unattainable", "504 deadline-expired")
    assert set(row.score.misses) <= set(refused)
