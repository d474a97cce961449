"""One round of words: its calls in turn, and the rows that take part in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from artifact.program import Step
from engine.rows.caption.row import CaptionRow


@dataclass
class Round:
    """One word for each of `rows`: the calls in turn, `done` of them behind.

    `takers`: the rows that take part in each call; the others bypass it. `failed`: what ended a
    row. A row that gave its slots back is out.
    """

    rows: list[CaptionRow]
    calls: list[Step]
    takers: Mapping[Step, list[CaptionRow]]
    done: int = 0
    failed: dict[CaptionRow, Exception] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Tell whether every row has its word."""
        return self.done == len(self.calls)

    def going(self, rows: Sequence[CaptionRow]) -> list[CaptionRow]:
        """Return the given rows that are still in the round."""
        return [row for row in rows if row.slots and row not in self.failed]
