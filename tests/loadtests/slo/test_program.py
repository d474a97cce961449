"""Our side and the rivals' in turns, and tuning, without servers: visits, journal, failures."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from loadtests.kit import journal
from loadtests.kit.artifacts import FAMILY
from loadtests.kit.errors import BenchError
from loadtests.rivals.options import RivalOptions
from loadtests.slo import capacity, kept_visits, servers, yardstick
from loadtests.slo.bench import SloBench, SloResults
from loadtests.slo.client import Reply, Sent
from loadtests.slo.judging.calibration import read_tenths
from loadtests.slo.judging.scoring import CellScore, judge, score
from loadtests.slo.program import plan_run
from loadtests.slo.servers import Running
from loadtests.slo.tuning import program as tuning
from loadtests.slo.tuning.search import Tuned, cells_for
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


def measure(
    setup: SloBench, *rivals: str, turns: int = 1, fresh: bool = False
) -> Mapping[str, SloResults]:
    tuned = {rival: dict.fromkeys(FAMILY_OF_TINY, SETTINGS) for rival in rivals}
    with journal.opened(setup.artifacts / "run.jsonl", RUN, fresh=fresh) as kept:
        return plan_run(tuned, turns, setup, kept, silent).run(silent)


def test_every_side_is_visited_in_turns_and_offered_the_same(
    started: Started, setup: SloBench
) -> None:
    measured = measure(setup, "mosec", "litserve", turns=3)["onnxruntime"]
    solo, *others = [(name, variant) for name, variant, _ in started]
    assert solo[0] == OURS
    counts = Counter(others)
    assert counts == {
        (OURS, "onnxruntime"): 3,
        **{(rival, v): 3 for rival in ("mosec", "litserve") for v in FAMILY_OF_TINY},
    }
    assert [batch for name, _, batch in started if name == "mosec"] == [4] * 12
    assert list(measured.yardstick.quality) == FAMILY_OF_TINY
    assert len(measured.rows) == 9 * 3 * len(CELLS)
    for turn in range(3):  # the same requests for every side, others in the next turn
        rows = [row for row in measured.rows if row.turn == turn and row.score is not None]
        offered = {(row.cell, row.score.offered, row.score.seconds) for row in rows if row.score}
        assert len(offered) == len(CELLS)
    assert len({row.score.seconds for row in measured.rows if row.score}) == 3 * len(CELLS)
    assert (measured.absent, measured.failures) == ({}, [])


def test_each_backend_has_its_own_yardstick_and_ours_beside_its_rivals(
    started: Started, setup: SloBench
) -> None:
    measured = measure(setup, "mosec", "openvino")
    assert list(measured) == ["onnxruntime", "openvino"]
    sides = {backend: {row.side for row in found.rows} for backend, found in measured.items()}
    assert sides == {"onnxruntime": {OURS, "mosec"}, "openvino": {OURS, "openvino"}}
    assert [found.yardstick.backend for found in measured.values()] == list(measured)
    of_ours = Counter(backend for name, backend, _ in started if name == OURS)
    assert of_ours == {"onnxruntime": 2, "openvino": 2}


def test_a_rival_that_fails_is_left_out_and_the_others_go_on(
    started: Started, setup: SloBench
) -> None:
    measured = measure(setup, "ray", "mosec", turns=2)["onnxruntime"]
    assert measured.absent == {"ray": "it did not become ready: why"}
    assert measured.failures == ["ray: it did not become ready: why"]
    assert {row.side for row in measured.rows} == {OURS, "mosec"}
    assert ("ray", "d1", 4) not in started  # it is not tried again


def test_a_run_that_was_stopped_measures_only_what_is_missing(
    started: Started, setup: SloBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Offering.cell
    seen: list[Cell] = []

    def stopped(
        self: Offering, server: Running, cell: Cell, quality: Mapping[str, float]
    ) -> CellScore:
        seen.append(cell)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return whole(self, server, cell, quality)

    monkeypatch.setattr(Offering, "cell", stopped)
    with pytest.raises(KeyboardInterrupt):
        measure(setup, "mosec")
    assert len(started) == 3  # solo, ours, mosec's first variant
    kept = (setup.artifacts / "run.jsonl").read_bytes()
    monkeypatch.setattr(Offering, "cell", whole)
    measured = measure(setup, "mosec")["onnxruntime"]
    assert (setup.artifacts / "run.jsonl").read_bytes().startswith(kept)
    assert [name for name, *_ in started[3:]] == ["mosec"] * 4  # no yardstick, not ours again
    assert len(measured.rows) == 5 * len(CELLS)
    begun = len(started)
    assert measure(setup, "mosec")["onnxruntime"].rows == measured.rows
    assert len(started) == begun  # nothing is left to measure
    measure(setup, "mosec", fresh=True)
    assert len(started) == begun + 6


def test_what_is_left_to_do_is_said_first(started: Started, setup: SloBench) -> None:
    tuned = {"mosec": dict.fromkeys(FAMILY_OF_TINY, SETTINGS)}
    with journal.opened(setup.artifacts / "run.jsonl", RUN) as kept:
        run = plan_run(tuned, 2, setup, kept, silent)
        assert run.said.startswith("20 of 20 cells to measure, about 3 min; journal: ")
    measure(setup, "mosec")
    with journal.opened(setup.artifacts / "run.jsonl", RUN) as kept:
        assert plan_run(tuned, 2, setup, kept, silent).said.startswith("10 of 20 cells")


def test_a_variant_whose_quality_is_below_what_another_scored_is_left_out(
    started: Started, setup: SloBench, answered: list[int]
) -> None:
    answered[0] = 1
    rows = measure(setup, "mosec")["onnxruntime"].rows
    assert [row.variant for row in rows if row.score is not None] == ["", "", "full", "full"]
    assert [name for name, *_ in started] == [OURS, OURS, "mosec"]  # those left out do not start
    assert {row.variant for row in rows} == {"", *FAMILY_OF_TINY}
    begun = len(started)
    assert measure(setup, "mosec")["onnxruntime"].rows == rows
    assert len(started) == begun


def test_tuning_tries_settings_and_goes_on_where_it_was_stopped(
    started: Started, setup: SloBench
) -> None:
    def tuned(path: Path) -> tuple[dict[tuple[str, str], Tuned], list[dict[str, Any]]]:
        with journal.opened(path, RUN) as kept:
            tunings = tuning.plan_tunings(["mosec"], setup, kept, silent)[:2]
            found = tuning.tune(tunings, setup, kept, silent)
            records = [
                tuning.tuned_record(each, found[each.rival, each.variant], kept) for each in tunings
            ]
            assert "2 searches, at most 30 trials" in tuning.said(tunings, setup, kept)
            return found, records

    path = setup.artifacts / "tuning.jsonl"
    found, records = tuned(path)
    assert list(found) == [("mosec", variant) for variant in FAMILY_OF_TINY[:2]]
    first = len(started)
    assert {batch for name, _, batch in started if name == "mosec"} >= {1, 2, 4, 8}
    assert [record["variant"] for record in records] == FAMILY_OF_TINY[:2]
    assert all(record["trials"][0]["effective"] >= 0 for record in records)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-3]))
    again, _ = tuned(path)
    assert len(started) == first + 3
    assert list(again) == list(found)


def test_settings_that_do_not_run_lose_and_a_rival_that_does_not_run_is_an_error(
    started: Started, setup: SloBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with journal.opened(setup.artifacts / "a.jsonl", RUN) as kept:
        tunings = tuning.plan_tunings(["ray"], setup, kept, silent)
        with pytest.raises(BenchError, match="ray: it did not become ready"):
            tuning.tune(tunings, setup, kept, silent)

    usual = servers.rival

    @contextmanager
    def picky(folder: Path, name: str, options: RivalOptions, probe: str) -> Iterator[Running]:
        if options.max_batch == 1:
            raise BenchError("no batch of one")
        with usual(folder, name, options, probe) as server:
            yield server

    monkeypatch.setattr(servers, "rival", picky)
    with journal.opened(setup.artifacts / "b.jsonl", RUN) as kept:
        tunings = tuning.plan_tunings(["mosec"], setup, kept, silent)[:1]
        (found,) = tuning.tune(tunings, setup, kept, silent).values()
        record = tuning.tuned_record(tunings[0], found, kept)
    assert found.settings.max_batch > 1
    failed = [each for each in record["trials"] if each["max_batch"] == 1]
    assert [each["failed"] for each in failed] == ["no batch of one"]
    assert tunings[0].cells == cells_for(1.0)
