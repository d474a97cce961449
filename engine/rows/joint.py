"""The row of a request about several pictures: one row for each, and one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifact.program import Program, Step
from engine.backends.arrays import AnyArray, stack
from engine.rows.one_pass import OnePassRow
from engine.rows.part import NO_VECTORS, RowPart


class JointRow:
    """Rows that go the same way and answer as one.

    The head reads all readouts [P, 2, D]; a whole variant sees all P pictures [P, S, S, 3].

    Args:
        rows: one for each picture, in the order the head reads them.
    """

    caption = None
    vectors: Mapping[int, NDArray[np.float32]] = NO_VECTORS

    def __init__(self, rows: Sequence[OnePassRow]) -> None:
        self.riders = tuple(rows)
        self.logits: NDArray[np.float32] | None = None

    @property
    def parts(self) -> Sequence[RowPart]:
        """What takes the next step: each row; where they answer as one, this one."""
        stage = self.step.stage
        return (self,) if stage.is_head or stage.is_whole else self.riders

    @property
    def step(self) -> Step:
        """The next step."""
        return self.riders[0].step

    @property
    def bucket(self) -> int:
        """The padded text length; 0 at the head, whose shape is fixed."""
        return self.riders[0].bucket

    @property
    def ended(self) -> bool:
        """Whether the answer is there."""
        return self.logits is not None

    @property
    def done(self) -> bool:
        """Whether the answer is there."""
        return self.ended

    def follow(self, programs: tuple[Program, ...]) -> None:
        """Go on as another variant that begins with what has run."""
        for row in self.riders:
            row.follow(programs)

    def bank(self) -> None:
        """Keep every readout."""
        for row in self.riders:
            row.bank()

    def settle(self, programs: tuple[Program, ...]) -> None:
        """Answer from what was banked."""
        for row in self.riders:
            row.settle(programs)

    def adapt(self, place: int) -> None:
        """Run with an adapter, as each of its rows."""
        for row in self.riders:
            row.adapt(place)

    def inputs(self) -> dict[str, AnyArray]:
        """Return the joint step's inputs: the text is the same for all."""
        given = [row.inputs() for row in self.riders]
        own = [name for name in given[0] if name in ("y", "pixels")]
        return given[0] | {name: stack([each[name] for each in given]) for name in own}

    def absorb(self, outputs: Mapping[str, Any]) -> None:
        """Take the joint step's output."""
        self.logits = outputs["logits"]

    def leave(self) -> None:
        """Do nothing, as each of its rows."""
