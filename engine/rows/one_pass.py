"""The row of a picture with a text, or of one of them, that goes through the stack once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifact.manifest import Manifest
from artifact.program import Program, Step
from artifact.task import Task
from engine.backends.arrays import AnyArray, Array
from engine.rows.part import NO_VECTORS, RowPart


class OnePassRow:
    """A picture and a text: stem, executed blocks, head; or all in one step.

    It is a question, or one picture of a statement. `adapter` is its place in the tables of loaded
    adapters, int64 [], 0 without one (ADR 0036). `h` [N, D] and `y` [R, D] (fp32, R tokens that the
    task reads) are its hidden state and readout so far, `mask` [N] says which tokens are real;
    None: all of them, for only text is padded. h lies in the backend's memory (ADR 0023). While it
    rides in a batch (engine/rows/slots.py), h and y are slices of that batch's arrays.

    Args:
        manifest: of the artifact.
        task: what is asked.
        program: of the variant it starts as.
        pixels: uint8 [S, S, 3]; None: it has no picture.
        tokens: of its text, not padded; none: it has no text.
        length: to which its text is padded.
    """

    caption = None
    vectors: Mapping[int, NDArray[np.float32]] = NO_VECTORS

    def __init__(
        self,
        manifest: Manifest,
        task: Task,
        program: Program,
        pixels: Array | None,
        tokens: Sequence[int],
        length: int,
    ) -> None:
        config = manifest.config
        self._program = program
        self._cursor = 0
        self._bucket = length
        self._pixels = pixels
        self._tokens = np.full(length, manifest.text.pad, np.int64) if tokens else None
        self._banked: Array | None = None
        self.series = config.readout == "series"
        self.adapter = np.array(0, np.int64)
        self.mask: Array | None = None
        if self._tokens is not None:
            self._tokens[: len(tokens)] = tokens
            image_tokens = 0 if pixels is None else config.image_tokens_of(task.name)
            self.mask = np.arange(image_tokens + length) < image_tokens + len(tokens)
        self.h: AnyArray = np.empty((0, config.width), np.float32)
        self.y: Array = np.zeros((len(task.reads), config.width), np.float32)
        self.logits: NDArray[np.float32] | None = None

    @property
    def riders(self) -> tuple[OnePassRow, ...]:
        """The rows that need a slot for their hidden state: itself."""
        return (self,)

    @property
    def parts(self) -> Sequence[RowPart]:
        """What takes the next step: itself."""
        return (self,)

    @property
    def step(self) -> Step:
        """The next step."""
        return self._program.steps[self._cursor]

    @property
    def blocks(self) -> int:
        """How many blocks it has run; once it is settled, those of its variant."""
        return sum(step.order is not None for step in self._program.steps[: self._cursor])

    @property
    def bucket(self) -> int:
        """The padded text length; 0 at the head, whose shape is fixed."""
        return 0 if self.step.stage.is_head else self._bucket

    @property
    def ended(self) -> bool:
        """Whether the head has run."""
        return self._cursor == len(self._program.steps)

    @property
    def done(self) -> bool:
        """Whether its answer is there: its head has run."""
        return self.ended

    def follow(self, programs: tuple[Program, ...]) -> None:
        """Go on as another variant that begins with what has run."""
        (program,) = programs
        if program.steps[: self._cursor] != self._program.steps[: self._cursor]:
            raise ValueError("the row has run other steps")
        self._program = program

    def bank(self) -> None:
        """Keep the readout of the blocks run so far: a variant's answer can be made from it."""
        self._banked = self.y.copy()

    def settle(self, programs: tuple[Program, ...]) -> None:
        """Answer from what was banked, as the variant of that stop: only its head is left.

        Raises:
            ValueError: if nothing was banked.
        """
        if self._banked is None:
            raise ValueError("the row has banked nothing")
        (self._program,) = programs
        self._cursor = len(self._program.steps) - 1
        self.y, self._banked = self._banked, None

    def adapt(self, place: int) -> None:
        """Run with the adapter at that place of the tables; before its first step."""
        self.adapter = np.array(place, np.int64)

    def inputs(self) -> dict[str, AnyArray]:
        """Return the next step's inputs."""
        step = self.step
        if step.stage.is_head:
            return {"y": self.y}
        given: dict[str, AnyArray | None]
        if step.order_in_key is not None:
            order = np.array(step.order_in_key, np.int64)
            given = {"h": self.h, "order": order, "mask": self.mask, "adapter": self.adapter}
        elif step.stage.is_stem:
            given = {"pixels": self._pixels, "tokens": self._tokens, "adapter": self.adapter}
        else:
            given = {"pixels": self._pixels, "tokens": self._tokens, "mask": self.mask}
        return {name: array for name, array in given.items() if array is not None}

    def absorb(self, outputs: Mapping[str, Any]) -> None:
        """Take the step's outputs and move on."""
        if "logits" in outputs:
            self.logits = outputs["logits"]
        elif "r" in outputs:
            self.h = outputs["h_out"]
            self.y = self.y + outputs["r"] if self.series else np.asarray(outputs["r"], np.float32)
        else:
            self.h = outputs["h"]
        self._cursor += 1

    def upcoming(self, steps: int) -> list[int]:
        """Return the orders, inside their keys, of the next blocks: as many as `steps`."""
        coming = self._program.steps[self._cursor : self._cursor + steps]
        return [step.order_in_key for step in coming if step.order_in_key is not None]

    def passed_blocks(self, h: AnyArray, steps: int) -> None:
        """Move on after blocks that a batch ran; the batch has already added to `y`."""
        self.h = h
        self._cursor += steps

    def leave(self) -> None:
        """Do nothing: its arrays are its own, and the slots are given back where it rides."""
