"""Rows of a made-up run: two sides, two loads, three turns."""

from __future__ import annotations

from pathlib import Path

from loadtests.slo.judging.scoring import CellScore
from loadtests.slo.visits import OURS, CellResult
from loadtests.slo.workload import Cell
from loadtests.slo.yardstick import Yardstick

SOLO_S = 0.1


QUALITY = {"d3": 0.7, "full": 0.95}


GROUND = Yardstick(
    Path("family"),
    QUALITY,
    {
        "d3": {1: [30.0, 29.0, 31.0], 8: [40.0, 42.0, 39.0]},
        "full": {1: [10.0, 9.0, 11.0], 8: [12.5, 12.0, 13.0]},
    },
    SOLO_S,
)


def score(effective: float, seconds: float = 20.0, offered: int = 200) -> CellScore:
    share = effective / 100
    counted = (offered, seconds, offered / seconds)
    return CellScore(
        *counted, share, effective, 1.0, {}, {}, {}, [{"full": 1}], {"max_ms": 1.0}, 0.0, 0.0
    )


def row(side: str, variant: str, cell: Cell, effective: float, turn: int = 0) -> CellResult:
    return CellResult(side, variant, turn, cell, score(effective))


def turns(side: str, variant: str, cell: Cell, *effective: float) -> list[CellResult]:
    return [row(side, variant, cell, each, turn) for turn, each in enumerate(effective)]


LOW, HIGH = Cell(0.5, 1.0), Cell(2.0, 1.0)


ROWS = [
    *turns(OURS, "", LOW, 90.0, 94.0, 92.0),
    *turns(OURS, "", HIGH, 80.0, 81.0, 79.0),
    *turns("mosec", "d3", LOW, 65.0, 66.0, 64.0),
    *turns("mosec", "d3", HIGH, 60.0, 61.0, 59.0),
    *turns("mosec", "full", LOW, 91.0, 91.0, 91.0),
    *turns("mosec", "full", HIGH, 20.0, 20.0, 20.0),
]
