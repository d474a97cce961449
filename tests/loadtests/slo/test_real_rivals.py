"""A very small run with real servers of every kind, stopped in the middle and gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from loadtests.kit import journal
from loadtests.kit.artifacts import FAMILY
from loadtests.slo import program, servers, visits
from loadtests.slo.bench import SloBench, SloResults, absent
from loadtests.slo.judging.scoring import CellScore
from loadtests.slo.plan import PlannedVisit, Rivals, plan_visits
from loadtests.slo.servers import RIVALS, Running
from loadtests.slo.tuning.settings import RivalSettings
from loadtests.slo.visits import OURS, Offering
from loadtests.slo.workload import Cell, CellLength

DEMO = Path(__file__).parents[3] / "examples/demo-artifact"
CELLS = (Cell(0.02, 1.0), Cell(0.04, 4.0))
SETTINGS = RivalSettings(4, 1, 8, 1)
VARIANTS = ("d1", "full")
RUN = {"machine": "this"}


def silent(what: str, share: float) -> None:
    """Report to nobody."""


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(900)  # some fifteen real servers start, Ray among them
def test_every_rival_is_measured_and_a_stopped_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = [name for name in RIVALS if absent(name, servers.ENVIRONMENT) is None]
    if not there:
        pytest.skip("no rival is installed: make .venv-rivals/.installed")
    (tmp_path / FAMILY).symlink_to(DEMO)
    setup = SloBench(tmp_path, servers.ENVIRONMENT, CELLS, CellLength(0.5, 1.0, 10), 0)
    whole = Offering.cell
    taken: list[Cell] = []

    def counted(
        self: Offering, server: Running, cell: Cell, quality: Mapping[str, float]
    ) -> CellScore:
        taken.append(cell)
        if len(taken) == 4:
            raise KeyboardInterrupt
        return whole(self, server, cell, quality)

    monkeypatch.setattr(Offering, "cell", counted)
    monkeypatch.setattr(visits, "WARM_S", 0.2)  # at the demo's capacity that is a lot
    monkeypatch.setattr(program, "plan_visits", _few_visits)
    with pytest.raises(KeyboardInterrupt):
        _measure(there, setup)
    measured = _measure(there, setup)
    rows = [row for found in measured.values() for row in found.rows]
    left_out = sum(row.score is None for row in rows)
    assert len(taken) - 1 + left_out == len(rows)
    assert taken[4] == taken[3]  # the cell that was stopped, not those before
    assert {row.side for row in rows} == {OURS, *there}
    assert [failure for found in measured.values() for failure in found.failures] == []
    _look_at(measured)


def _few_visits(rivals: Rivals, turns: int) -> list[PlannedVisit]:
    """Two variants of a rival are enough, and few starts."""
    return [visit for visit in plan_visits(rivals, turns) if visit.variant in ("", *VARIANTS)]


def _measure(there: list[str], setup: SloBench) -> Mapping[str, SloResults]:
    tuned = {name: dict.fromkeys(VARIANTS, SETTINGS) for name in there}
    with journal.opened(setup.artifacts / "run.jsonl", RUN) as kept:
        return program.plan_run(tuned, 1, setup, kept, silent).run(silent)


def _look_at(measured: Mapping[str, SloResults]) -> None:
    """Look at scores: enough requests, answered by the variant that is served, chances of ours."""
    for found in measured.values():
        for row in found.rows:
            if row.score is not None:
                assert row.score.offered >= 10
                assert row.score.seconds >= 1.0
                assert not row.variant or set(row.score.variants) <= {row.variant}
        assert sum(tenth.count for tenth in found.tenths[0]) > 0
