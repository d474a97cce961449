"""The row of a statement about two pictures: two rows of a question that answer as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifact.program import Program, Step
from engine.backends.arrays import AnyArray, stack
from engine.rows.row import Row, VqaRow

_BOTH = ("head[", "whole[")
"""Stages that take both pictures as one entry of their batch."""


class PairRow:
    """A left and a right row that go the same way.

    The head reads both read-outs [2, 2, D]; a whole variant sees both pictures [2, S, S, 3].
    """

    def __init__(self, left: VqaRow, right: VqaRow) -> None:
        self.riders = (left, right)
        self.logits: NDArray[np.float32] | None = None

    @property
    def parts(self) -> Sequence[Row]:
        """Return both rows; where they answer as one, this one."""
        return (self,) if self.step.stage.startswith(_BOTH) else self.riders

    @property
    def step(self) -> Step:
        """Return the next step."""
        return self.riders[0].step

    @property
    def bucket(self) -> int:
        """Return the padded text length; 0 at the head, whose shape is fixed."""
        return self.riders[0].bucket

    @property
    def ended(self) -> bool:
        """Tell whether the answer is there."""
        return self.logits is not None

    def follow(self, programs: tuple[Program, ...]) -> None:
        """Go on as another variant that begins with what has run."""
        for row in self.riders:
            row.follow(programs)

    def bank(self) -> None:
        """Keep both read-outs."""
        for row in self.riders:
            row.bank()

    def settle(self, programs: tuple[Program, ...]) -> None:
        """Answer from what was banked."""
        for row in self.riders:
            row.settle(programs)

    def inputs(self) -> dict[str, AnyArray]:
        """Return the joint step's inputs: the text is the same for both."""
        left, right = (row.inputs() for row in self.riders)
        each = [name for name in left if name in ("y", "pixels")]
        return left | {name: stack([left[name], right[name]]) for name in each}

    def absorb(self, outputs: Mapping[str, Any]) -> None:
        """Take the joint step's output."""
        self.logits = outputs["logits"]
