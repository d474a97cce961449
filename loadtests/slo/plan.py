"""Which server is visited when, and how long that takes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from loadtests.kit.rounds import turned
from loadtests.slo.visits import OURS, WARM_S
from loadtests.slo.workload import Cell, CellLength

LOADS = (0.5, 1.0, 1.5, 2.0)
BURSTS = (4.0, 1.0)
EVERY_CELL = tuple(Cell(load, cv2) for cv2 in BURSTS for load in LOADS)
QUICK_CELLS = (Cell(1.0, 4.0), Cell(2.0, 4.0))

_START_S, _AFTER_S = 7.0, 2.0
"""About what a server takes to start and stop, and the answers after the last send of a cell."""


@dataclass(frozen=True)
class PlannedVisit:
    """One visit: a server of one side, on one backend, with a rival's variant ("": ours)."""

    turn: int
    backend: str
    side: str
    variant: str

    @property
    def name(self) -> str:
        """A short label."""
        which = " ".join(filter(None, (self.side, self.variant)))
        return f"visit {self.turn + 1}, {self.backend}: {which}"

    def key(self, cell: Cell) -> str:
        """Return the journal's key of one of its cells."""
        return f"{self.name}, {cell.name}"


Rivals = Mapping[str, Mapping[str, Sequence[str]]]
"""By backend and rival, its variants, shallow to deep."""


def plan_visits(rivals: Rivals, turns: int) -> list[PlannedVisit]:
    """Return the visits: in each turn every side once, ours and a rival's each variant.

    Ours comes first in one turn, last in the next, then in the middle. A rival's variants go from
    deep to shallow, as the quality of a shallow one may be less than what a deeper one scored.
    """
    found = []
    for turn in range(turns):
        for backend, variants in rivals.items():
            for side in turned([OURS, *variants], turn):
                names = [""] if side == OURS else [*reversed(variants[side])]
                found += [PlannedVisit(turn, backend, side, name) for name in names]
    return found


def visit_s(cells: Iterable[Cell], capacity_hz: float, length: CellLength) -> float:
    """Return about how long a visit takes; 0 if it has no cells left."""
    each_s = [length.expected_s(cell, capacity_hz) + _AFTER_S for cell in cells]
    return _START_S + WARM_S + sum(each_s) if each_s else 0.0


def in_words(seconds: float) -> str:
    """Return a length of time as a person would say it."""
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
