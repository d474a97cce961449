"""A run of the live benchmark without servers: what is started, and what every cell scores."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadtests.kit import journal
from loadtests.kit.artifacts import FAMILY
from loadtests.kit.errors import BenchError
from loadtests.rivals.options import RivalOptions
from loadtests.slo import capacity, kept_visits, servers, yardstick
from loadtests.slo.bench import SloBench
from loadtests.slo.client import Reply, Sent
from loadtests.slo.judging.calibration import read_tenths
from loadtests.slo.judging.scoring import CellScore, judge, score
from loadtests.slo.servers import Running
from loadtests.slo.tuning.settings import RivalSettings
from loadtests.slo.visits import OURS, Offering
from loadtests.slo.workload import Cell, CellLength, plan_cell
from tests.engine.artifacts.tiny_artifact import write_tiny

CELLS = (Cell(1.0, 1.0), Cell(2.0, 4.0))
FAMILY_OF_TINY = ["d1", "d2", "d3", "full"]
SETTINGS = RivalSettings(4, 1, 2, 1)
RUN = {"machine": "this"}

Started = list[tuple[str, str, int]]
"""What was started: name, variant, batch."""


@pytest.fixture
def answered() -> list[int]:
    """Return which requests are answered: one in so many."""
    return [3]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, answered: list[int]) -> Started:
    """Replace servers, load and capacity; the list gets what was started.

    A request is answered in time, by the variant that the server's host says, or not at all.
    """
    calls: Started = []

    @contextmanager
    def ours(artifact: Path, cache: Path, backend: str) -> Iterator[Running]:
        calls.append((OURS, backend, 0))
        yield Running(os.getpid(), "full", 0)

    @contextmanager
    def rival(folder: Path, name: str, options: RivalOptions, probe: str) -> Iterator[Running]:
        calls.append((name, options.variant, options.max_batch))
        if name == "ray" and options.variant == "d2":
            raise BenchError("it did not become ready: why")
        yield Running(os.getpid(), options.variant, 0)

    def cell(self: Offering, server: Running, at: Cell, quality: Mapping[str, float]) -> CellScore:
        planned = plan_cell(at, self.capacity_hz, self.length, self.seed)
        body = json.dumps({"answers": [{"variant": server.host}]})
        replies = [
            Reply(each.at_s, each.at_s, 500 if number % answered[0] else 200, body)
            for number, each in enumerate(planned.requests)
        ]
        judged = judge(planned.requests, replies, self.solo_s)
        return score(planned, judged, quality, Sent(replies, 1.0, 0.0), 0.0)

    rates = {name: {1: [200.0, 200.0]} for name in FAMILY_OF_TINY}
    monkeypatch.setattr(servers, "ours", ours)
    monkeypatch.setattr(servers, "rival", rival)
    monkeypatch.setattr(capacity, "measure", lambda root, backend: rates)
    monkeypatch.setattr(yardstick, "_solo_s", lambda server, found, seed: 0.1)
    monkeypatch.setattr(kept_visits, "scrape", lambda host, port: read_tenths(""))
    monkeypatch.setattr(journal.os, "fsync", lambda file: None)  # slow on a busy disk
    monkeypatch.setattr(Offering, "warm", lambda self, server: None)
    monkeypatch.setattr(Offering, "cell", cell)
    return calls


@pytest.fixture
def setup(tmp_path: Path) -> SloBench:
    write_tiny(tmp_path / FAMILY)
    return SloBench(tmp_path, tmp_path / "env", CELLS, CellLength(0.01, 0.02, 5), 0)


def silent(what: str, share: float) -> None:
    assert 0 <= share <= 1
