"""Rows of a run, by side, variant, cell and turn. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from loadtests.kit.intervals import LEAST_VISITS, too_few
from loadtests.slo.visits import OURS, CellResult
from loadtests.slo.workload import Cell, CellLength

Turns = Sequence[int]
"""Numbers of turns; in a draw some come more than once."""


@dataclass(frozen=True)
class CellTable:
    """Rows by side, variant and cell; of several turns the mean counts.

    A variant that was left out at a cell counts as if it had answered every request on time.
    """

    rows: Sequence[CellResult]
    quality: Mapping[str, float]

    @cached_property
    def cells(self) -> list[Cell]:
        """Every cell, in the order measured."""
        return list(dict.fromkeys(row.cell for row in self.rows))

    @cached_property
    def _found(self) -> dict[tuple[str, str, Cell, int], CellResult]:
        return {(row.side, row.variant, row.cell, row.turn): row for row in self.rows}

    def turns(self, *sides: str) -> list[int]:
        """Return the turns in which each of these sides has every cell: what may be compared."""
        found = []
        for turn in sorted({row.turn for row in self.rows}):
            keys = [(s, v, c, turn) for s in sides for v in self.variants(s) for c in self.cells]
            if all(key in self._found for key in keys):
                found.append(turn)
        return found

    def variants(self, side: str) -> list[str]:
        """Return the fixed variants of a rival, shallow to deep; of ours "" alone."""
        known = {row.variant for row in self.rows if row.side == side}
        return [""] if side == OURS else [name for name in self.quality if name in known]

    def at(self, side: str, variant: str, cell: Cell, turn: int) -> CellResult:
        """Return one row.

        Raises:
            KeyError: it is not there.
        """
        return self._found[side, variant, cell, turn]

    def effective(self, side: str, variant: str, cell: Cell, turns: Turns) -> float:
        """Return effective accuracy in points."""
        scores = [self.at(side, variant, cell, turn).score for turn in turns]
        most = 100 * self.quality.get(variant, 1.0)
        return statistics.fmean(most if score is None else score.effective for score in scores)

    def attainment(self, side: str, variant: str, cell: Cell, turns: Turns) -> float:
        """Return the share of requests answered on time."""
        scores = [self.at(side, variant, cell, turn).score for turn in turns]
        return statistics.fmean(1.0 if score is None else score.attainment for score in scores)

    def offered_hz(self, cell: Cell, turns: Turns) -> float:
        """Return the rate that arrivals came to; the same for every side."""
        scores = [self.at(OURS, "", cell, turn).score for turn in turns]
        return statistics.fmean(0.0 if score is None else score.offered_hz for score in scores)

    def hindsight(self, side: str, cell: Cell, turns: Turns) -> tuple[str, float]:
        """Return the variant that turned out best at this cell, and its effective accuracy."""
        found = {name: self.effective(side, name, cell, turns) for name in self.variants(side)}
        name = max(found, key=found.__getitem__)
        return name, found[name]

    def no_claim(self, *sides: str) -> str:
        """Return why these sides' rows are no bar; "" if they are."""
        turns = len(self.turns(*sides))
        if turns < LEAST_VISITS:
            return too_few(turns)
        asked = CellLength()
        scores = [row.score for row in self.rows if row.side in sides and row.score is not None]
        least_s = min(score.seconds for score in scores)
        least = min(score.offered for score in scores)
        if least_s >= asked.least_s and least >= asked.least_requests:
            return ""
        return (
            f"a cell of {least_s:.0f} s and {least} requests; a bar needs {asked.least_s:.0f} s "
            f"and {asked.least_requests}"
        )
