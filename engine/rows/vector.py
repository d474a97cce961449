"""The row of a picture, or a text, that becomes a vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from artifact.manifest import Manifest
from artifact.program import Program
from artifact.task import Task
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

    Args:
        manifest: of the artifact.
        task: what is asked.
        program: of the variant it starts as.
        pixels: uint8 [S, S, 3]; None: it is a text.
        tokens: of its text, not padded; none: it is a picture.
        length: to which its text is padded.
        every_stop: keep the readout of each stop, not of the last one alone.

    Attributes:
        vectors: of each kept stop, by the number of blocks it has run; fp32 [D].
    """

    def __init__(
        self,
        manifest: Manifest,
        task: Task,
        program: Program,
        pixels: Array | None,
        tokens: Sequence[int],
        length: int,
        every_stop: bool = False,
    ) -> None:
        super().__init__(manifest, task, program, pixels, tokens, length)
        self._every_stop = every_stop
        self._passed: list[KeptStop] = []
        self.vectors: dict[int, Array] = {}

    @property
    def parts(self) -> Sequence[OnePassRow | KeptStop]:
        """What takes the next step: itself; at the head, each stop that it keeps."""
        if not self.step.stage.is_head:
            return (self,)
        return (*self._passed, KeptStop(self, self.blocks, self.y))

    def bank(self) -> None:
        """Keep the readout of the blocks run so far; those before too, if it keeps every stop."""
        super().bank()
        if self._every_stop:
            self._passed.append(KeptStop(self, self.blocks, self.y.copy()))

    def settle(self, programs: tuple[Program, ...]) -> None:
        """Answer as the variant of the last stop; see `OnePassRow.settle`."""
        super().settle(programs)
        self._passed = [stop for stop in self._passed if stop.blocks < self.blocks]

    def took(self, stop: KeptStop, vector: Array) -> None:
        """Take the vector of a stop; with that of its own variant it has ended."""
        self.vectors[stop.blocks] = vector
        if stop.blocks == self.blocks:
            self.logits = vector
            self._cursor += 1

    def absorb(self, outputs: Mapping[str, Any]) -> None:
        """Take the step's outputs and move on; a whole variant's is its vector."""
        if "vector" in outputs:
            self.logits = self.vectors[self.blocks] = outputs["vector"]
            self._cursor += 1
            return
        super().absorb(outputs)
