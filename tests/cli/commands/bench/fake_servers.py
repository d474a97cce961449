"""Stands in for the servers of `otmv bench slo`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from loadtests.kit.errors import BenchError
from loadtests.kit.journal import Journal
from loadtests.slo.bench import SloBench, SloResults
from loadtests.slo.judging.calibration import Tenth
from loadtests.slo.plan import PlannedVisit
from loadtests.slo.program import SloRun, TunedRivals
from loadtests.slo.servers import RIVALS
from loadtests.slo.tuning.settings import RivalSettings
from loadtests.slo.visits import OURS, CellResult
from loadtests.slo.workload import Cell
from loadtests.slo.yardstick import Yardstick
from tests.loadtests.slo.made_up_rows import score

QUALITY = {"d1": 0.5, "d2": 0.6, "d3": 0.7, "full": 0.95}
SETTINGS = RivalSettings(2, 5, 4, 2)
SURE = (*[Tenth()] * 9, Tenth(100, 99, 99))


def yardstick(backend: str) -> Yardstick:
    rates = {name: {1: [40.0, 40.0]} for name in QUALITY} | {"full": {1: [10.0, 10.0]}}
    return Yardstick(Path("family"), QUALITY, rates, 0.1, backend)


class FakeServers:
    """Stands in for measuring: what each side scores, and how it was asked."""

    def __init__(self) -> None:
        self.points = {OURS: 99.5}
        self.setups: list[SloBench] = []
        self.tuned: list[TunedRivals] = []
        self.turns: list[int] = []
        self.failing: set[str] = set()

    def plan_run(
        self, tuned: TunedRivals, turns: int, setup: SloBench, journal: Journal, report: object
    ) -> SloRun:
        self.setups.append(setup)
        self.tuned.append(tuned)
        self.turns.append(turns)
        backends = dict.fromkeys(RIVALS[rival].backend for rival in tuned)
        measured = {each: SloResults(yardstick(each)) for each in backends}
        return SloRun(tuned, turns, setup, journal, measured)

    def measure(self, of: SloRun, report: object) -> Mapping[str, SloResults]:
        for visit in of.visits:
            found = of.measured[visit.backend]
            if visit.side in self.failing:
                found.drop(visit.side, BenchError("it ended"))
            else:
                found.rows += [self.row(visit, cell) for cell in of.setup.cells]
        return of.measured

    def row(self, visit: PlannedVisit, cell: Cell) -> CellResult:
        points = self.points.get(visit.side, 30.0)
        tenths = SURE if visit.side == OURS else ()
        return CellResult(visit.side, visit.variant, visit.turn, cell, score(points), tenths)
