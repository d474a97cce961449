"""The row of a picture, or a text, that becomes a vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from artifact.program import Program
from engine.backends.arrays import AnyArray, Array
from engine.rows.one_pass import OnePassRow


@dataclass(frozen=True)
class KeptStop:
    """A readout [1, D] that a row kept at a stop, and how many blocks had run."""

    row: VectorRow
    blocks: int
    y: Array

    def inputs(self) -> dict[str, AnyArray]:
        """Return the head's inputs."""
        return {"y": self.y}

    def absorb(self, outputs: Mapping[str, Any]) -> None:
        """Give the row the vector of this stop."""
        self.row.took(self, outputs["vector"])


class VectorRow(OnePassRow):
    """A picture alone, or a text alone: stem, executed blocks, head; or all in one step.

    Vectors of two variants are not comparable. A row that keeps every stop has the vector of each
    one that it passed, so rows that stopped at different depths still have one variant in common.

    Attributes:
        every_stop: it keeps the readout of each stop that it passes, not of the last one alone.
        vectors: of each kept stop, by the number of blocks it has run; fp32 [D].
    """

    every_stop = False
    _passed: tuple[KeptStop, ...] = ()

    @property
    def parts(self) -> Sequence[OnePassRow | KeptStop]:
        """What takes the next step: itself; at the head, each stop that it keeps."""
        if not self.step.stage.is_head:
            return (self,)
        return (*self._passed, KeptStop(self, self.blocks, self.y))

    def bank(self) -> None:
        """Keep the readout of the blocks run so far; those before too, if it keeps every stop."""
        super().bank()
        if self.every_stop:
            self._passed = (*self._passed, KeptStop(self, self.blocks, self.y.copy()))

    def settle(self, programs: tuple[Program, ...]) -> None:
        """Answer as the variant of the last stop; see `OnePassRow.settle`."""
        super().settle(programs)
        self._passed = tuple(stop for stop in self._passed if stop.blocks < self.blocks)

    def took(self, stop: KeptStop, vector: Array) -> None:
        """Take the vector of a stop; with that of its own variant it has ended."""
        self.vectors = {**self.vectors, stop.blocks: vector}
        if stop.blocks == self.blocks:
            self.logits = vector
            self._cursor += 1

    def absorb(self, outputs: Mapping[str, Any]) -> None:
        """Take the step's outputs and move on; a whole variant's is its vector."""
        if "vector" in outputs:
            self.took(KeptStop(self, self.blocks, self.y), outputs["vector"])
            return
        super().absorb(outputs)
