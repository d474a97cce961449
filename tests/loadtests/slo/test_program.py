"""Our side and the rivals' in turns, without servers: visits, journal, failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest

from loadtests.kit import journal
from loadtests.slo.bench import SloBench, SloResults
from loadtests.slo.judging.scoring import CellScore
from loadtests.slo.program import plan_run
from loadtests.slo.servers import Running
from loadtests.slo.visits import OURS, Offering
from loadtests.slo.workload import Cell
from tests.loadtests.slo.fake_load import (
    CELLS,
    FAMILY_OF_TINY,
    RUN,
    SETTINGS,
    Started,
    silent,
)


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
