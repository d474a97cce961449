"""The row of a statement about two pictures: two rows of a question, joined at the head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from artifact.program import Program, Step
from engine.rows import Array, Row, VqaRow


class PairRow:
    """A left and a right row that go the same way; the head reads both read-outs [2, 2, D]."""

    def __init__(self, left: VqaRow, right: VqaRow) -> None:
        self.riders = (left, right)
        self.logits: NDArray[np.float32] | None = None

    @property
    def parts(self) -> Sequence[Row]:
        """Return both rows; at the head, this one."""
        return (self,) if self.step.stage.startswith("head") else self.riders

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
        """Tell whether the head has run."""
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

    def inputs(self) -> dict[str, Array]:
        """Return the head's input."""
        return {"y": np.stack([row.y for row in self.riders])}

    def absorb(self, outputs: Mapping[str, Array]) -> None:
        """Take the head's output."""
        self.logits = outputs["logits"]
