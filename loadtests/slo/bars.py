"""The bars of the live benchmark, from its rows. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from loadtests.kit.bars import Bar
from loadtests.slo.visits import OURS, CellResult, Yardstick
from loadtests.slo.workload import Cell

OVER_FULL, OVER_HINDSIGHT, OVER_FIXED_POINTS = 1.5, 1.0, 5.0
ATTAINMENT, SMALLEST_OVER_FULL = 0.99, 3.0
_FROM_LOAD, _ATTAINED_LOAD = 1.0, 2.0
_LEAST_POINTS = 0.1
"""A rival below this counts as this: a ratio to nothing says nothing."""


@dataclass(frozen=True)
class CellTable:
    """Rows by side, variant and cell; of several turns the median counts."""

    rows: Sequence[CellResult]

    @property
    def cells(self) -> list[Cell]:
        """Every cell, in the order measured."""
        return list(dict.fromkeys(row.cell for row in self.rows))

    def variants(self, side: str) -> list[str]:
        """Return the fixed variants of a rival."""
        return list(dict.fromkeys(row.variant for row in self.rows if row.side == side))

    def turns(self, side: str, variant: str, cell: Cell) -> list[CellResult]:
        """Return the rows of one cell, one per turn."""
        key = (side, variant, cell)
        return [row for row in self.rows if (row.side, row.variant, row.cell) == key]

    def effective(self, side: str, variant: str, cell: Cell) -> float:
        """Return effective accuracy in points."""
        found = self.turns(side, variant, cell)
        return statistics.median(row.score.effective for row in found)

    def attainment(self, side: str, variant: str, cell: Cell) -> float:
        """Return the share of requests answered on time."""
        found = self.turns(side, variant, cell)
        return statistics.median(row.score.attainment for row in found)

    def hindsight(self, side: str, cell: Cell) -> tuple[str, float]:
        """Return the variant that turned out best at this cell, and its effective accuracy."""
        found = {name: self.effective(side, name, cell) for name in self.variants(side)}
        name = max(found, key=found.__getitem__)
        return name, found[name]


def rival_bars(rows: Sequence[CellResult], yardstick: Yardstick, rival: str) -> list[Bar]:
    """Return the three bars against one rival."""
    table = CellTable(rows)
    over_full = partial(_over_full, table, yardstick.full, rival)
    over_best = partial(_over_best, table, rival)
    bursts = list(dict.fromkeys(cell.cv2 for cell in table.cells))
    leads = {f"CV² {cv2:g}": _over_single(table, rival, cv2) for cv2 in bursts}
    worst = min(leads, key=lambda burst: leads[burst][1])
    name, lead = leads[worst]
    evidence = {burst: {"best_single": v, "lead": round(x, 3)} for burst, (v, x) in leads.items()}
    loaded = [cell for cell in table.cells if cell.load >= _FROM_LOAD]
    return [
        _with_ceiling(
            _worst(f"slo.{rival}.over-full", over_full, loaded, OVER_FULL),
            {cell.name: _ceiling(table, yardstick, rival, cell) for cell in loaded},
        ),
        _worst(f"slo.{rival}.over-hindsight-best", over_best, table.cells, OVER_HINDSIGHT),
        Bar(
            f"slo.{rival}.points-over-best-fixed",
            lead,
            OVER_FIXED_POINTS,
            at_least=True,
            spread=f"against {name}, {worst}",
            evidence=evidence,
        ),
    ]


def own_bars(rows: Sequence[CellResult], yardstick: Yardstick) -> list[Bar]:
    """Return the bars on our own attainment, and on what it is promised for."""
    table = CellTable(rows)
    cells = [cell for cell in table.cells if cell.load == _ATTAINED_LOAD]
    shares = partial(table.attainment, OURS, "")
    ratio = yardstick.smallest_over_full
    spread = f"{next(iter(yardstick.quality))} over {yardstick.full}, each at its best batch"
    return [
        _worst("slo.attainment-at-2x", shares, cells, ATTAINMENT),
        Bar("slo.smallest-over-full-capacity", ratio, SMALLEST_OVER_FULL, True, spread),
    ]


def not_run(rival: str, why: str) -> list[Bar]:
    """Return the bars of a rival that was not measured."""
    limits = {
        "over-full": OVER_FULL,
        "over-hindsight-best": OVER_HINDSIGHT,
        "points-over-best-fixed": OVER_FIXED_POINTS,
    }
    return [Bar(f"slo.{rival}.{name}", None, limit, True, why) for name, limit in limits.items()]


def _over_full(table: CellTable, full: str, rival: str, cell: Cell) -> float:
    theirs = table.effective(rival, full, cell)
    return table.effective(OURS, "", cell) / max(theirs, _LEAST_POINTS)


def _ceiling(table: CellTable, yardstick: Yardstick, rival: str, cell: Cell) -> float:
    """Return what a server that answers every request on time with the full variant would score."""
    theirs = table.effective(rival, yardstick.full, cell)
    return 100 * yardstick.quality[yardstick.full] / max(theirs, _LEAST_POINTS)


def _with_ceiling(bar: Bar, ceilings: Mapping[str, float]) -> Bar:
    """Add to a bar what no server could exceed; say so where that is below the limit."""
    low = {cell: each for cell, each in ceilings.items() if each < bar.limit}
    named = (f"no server could exceed {each:.3f} at {cell}" for cell, each in low.items())
    spread = "; ".join([bar.spread, *named])
    kept = {cell: round(each, 4) for cell, each in ceilings.items()}
    evidence = {**bar.evidence, "no_server_could_exceed": kept}
    return replace(bar, spread=spread, evidence=evidence)


def _over_best(table: CellTable, rival: str, cell: Cell) -> float:
    _, theirs = table.hindsight(rival, cell)
    return table.effective(OURS, "", cell) / max(theirs, _LEAST_POINTS)


def _over_single(table: CellTable, rival: str, cv2: float) -> tuple[str, float]:
    """Return the rival's best single variant over all loads, and our mean lead on it in points."""
    cells = [cell for cell in table.cells if cell.cv2 == cv2]
    means = {
        name: statistics.fmean(table.effective(rival, name, cell) for cell in cells)
        for name in table.variants(rival)
    }
    best = max(means, key=means.__getitem__)
    ours = statistics.fmean(table.effective(OURS, "", cell) for cell in cells)
    return best, ours - means[best]


def _worst(name: str, value: Callable[[Cell], float], cells: Iterable[Cell], limit: float) -> Bar:
    found = {cell.name: value(cell) for cell in cells}
    worst = min(found, key=found.__getitem__)
    evidence = {cell: round(each, 4) for cell, each in found.items()}
    spread = f"worst at {worst}; best {max(found.values()):.3f}"
    return Bar(name, found[worst], limit, at_least=True, spread=spread, evidence=evidence)
