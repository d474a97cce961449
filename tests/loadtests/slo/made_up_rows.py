"""Rows of a made-up run: two sides, two loads."""

from __future__ import annotations

from pathlib import Path

from loadtests.slo.judging.scoring import CellScore
from loadtests.slo.visits import OURS, CellResult, Yardstick
from loadtests.slo.workload import Cell

SOLO_S = 0.1


QUALITY = {"d3": 0.7, "full": 0.95}


GROUND = Yardstick(
    Path("family"), QUALITY, {"d3": {1: 30.0, 8: 40.0}, "full": {1: 10.0, 8: 12.5}}, SOLO_S
)


def row(side: str, variant: str, cell: Cell, effective: float, turn: int = 0) -> CellResult:
    share = effective / 100
    made = CellScore(100, share, effective, 1.0, {}, {}, {}, [{"full": 1}], {}, 0.0, 0.0)
    return CellResult(side, variant, turn, cell, made)


LOW, HIGH = Cell(0.5, 1.0), Cell(2.0, 1.0)


ROWS = [
    row(OURS, "", LOW, 90.0),
    row(OURS, "", LOW, 94.0, 1),
    row(OURS, "", LOW, 92.0, 2),
    row(OURS, "", HIGH, 80.0),
    row("mosec", "d3", LOW, 70.0),
    row("mosec", "d3", HIGH, 60.0),
    row("mosec", "full", LOW, 93.0),
    row("mosec", "full", HIGH, 20.0),
]
