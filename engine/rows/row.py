"""Rows: what one request keeps between steps, and how rows share a batch (docs/architecture.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from artifact.manifest import Manifest
from artifact.program import STEM_VQA, Program, Step
from engine.backends.arrays import AnyArray, stack

Array = NDArray[Any]


class Row(Protocol):
    """A request's work. Rows at the same `stage` and `bucket` may run in one batch."""

    @property
    def parts(self) -> Sequence[Row]:
        """Return what takes the next step: itself, or one row for each of its pictures."""
        ...

    @property
    def step(self) -> Step:
        """Return the step it needs next."""
        ...

    @property
    def bucket(self) -> int:
        """Return that step's shape bucket: padded text or cache length, 0 for fixed shapes."""
        ...

    @property
    def logits(self) -> NDArray[np.float32] | None:
        """Return the latest head output [V], None before the first."""
        ...

    @property
    def ended(self) -> bool:
        """Tell whether no step of its program is left."""
        ...

    def inputs(self) -> dict[str, AnyArray]:
        """Return the step's inputs without the batch axis, padded to the bucket. Pure."""
        ...

    def absorb(self, outputs: Mapping[str, Any]) -> None:
        """Take the step's outputs, without the batch axis, and move on."""
        ...

    def follow(self, programs: tuple[Program, ...]) -> None:
        """Change the variant; its programs must begin with what has run.

        Raises:
            ValueError: if they do not.
        """
        ...

    def bank(self) -> None:
        """Keep what an answer from this stop is made of."""
        ...

    def settle(self, programs: tuple[Program, ...]) -> None:
        """Answer as the variant of the last stop that was banked.

        Raises:
            ValueError: if nothing was banked.
        """
        ...


def gather(rows: Sequence[Row]) -> dict[str, AnyArray]:
    """Return the inputs of the rows' parts, stacked along a new first axis [B, ...]."""
    given = [part.inputs() for row in rows for part in row.parts]
    return {name: stack([each[name] for each in given]) for name in given[0]}


def scatter(rows: Sequence[Row], outputs: Mapping[str, Any]) -> None:
    """Give each of the rows' parts its slice of a batch's outputs, or none of them any.

    Raises:
        ValueError: if an output has not one slice for each.
    """
    parts = [part for row in rows for part in row.parts]
    for name, array in outputs.items():
        if len(array) != len(parts):
            raise ValueError(f"{name} has {len(array)} rows, not {len(parts)}")
    for index, part in enumerate(parts):
        part.absorb({name: array[index] for name, array in outputs.items()})


class VqaRow:
    """A question, or one picture of a statement: stem, executed blocks, head; or all in one step.

    `h` [N, D] and `y` [2, D] (fp32) are its hidden state and read-out so far, `mask` [N] says which
    tokens are real. h lies in the backend's memory (ADR 0023). While it rides in a batch
    (engine/rows/slots.py), h and y are slices of that batch's arrays.
    """

    def __init__(
        self,
        manifest: Manifest,
        program: Program,
        pixels: Array,
        tokens: Sequence[int],
        length: int,
    ) -> None:
        config = manifest.config
        self._program = program
        self._cursor = 0
        self._bucket = length
        self._pixels = pixels
        self._tokens = np.full(length, manifest.text.pad, np.int64)
        self._tokens[: len(tokens)] = tokens
        self._banked: Array | None = None
        self.series = config.readout == "series"
        self.mask = np.arange(config.image_tokens + length) < config.image_tokens + len(tokens)
        self.h: AnyArray = np.empty((0, config.width), np.float32)
        self.y: Array = np.zeros((2, config.width), np.float32)
        self.logits: NDArray[np.float32] | None = None

    @property
    def riders(self) -> tuple[VqaRow, ...]:
        """Return the rows that need a slot for their hidden state: itself."""
        return (self,)

    @property
    def parts(self) -> Sequence[Row]:
        """Return itself."""
        return (self,)

    @property
    def step(self) -> Step:
        """Return the next step."""
        return self._program.steps[self._cursor]

    @property
    def bucket(self) -> int:
        """Return the padded text length; 0 at the head, whose shape is fixed."""
        return 0 if self.step.stage.startswith("head") else self._bucket

    @property
    def ended(self) -> bool:
        """Tell whether the head has run."""
        return self._cursor == len(self._program.steps)

    def follow(self, programs: tuple[Program, ...]) -> None:
        """Go on as another variant that begins with what has run."""
        (program,) = programs
        if program.steps[: self._cursor] != self._program.steps[: self._cursor]:
            raise ValueError("the row has run other steps")
        self._program = program

    def bank(self) -> None:
        """Keep the read-out of the blocks run so far: a variant's answer can be made from it."""
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

    def inputs(self) -> dict[str, AnyArray]:
        """Return the next step's inputs."""
        step = self.step
        if step.stage == STEM_VQA:
            return {"pixels": self._pixels, "tokens": self._tokens}
        if step.order_in_key is not None:
            order = np.array(step.order_in_key, np.int64)
            return {"h": self.h, "order": order, "mask": self.mask}
        if step.stage.startswith("head"):
            return {"y": self.y}
        return {"pixels": self._pixels, "tokens": self._tokens, "mask": self.mask}

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
        """Return the orders, inside their keys, of the next so many blocks."""
        coming = self._program.steps[self._cursor : self._cursor + steps]
        return [step.order_in_key for step in coming if step.order_in_key is not None]

    def passed_blocks(self, h: AnyArray, steps: int) -> None:
        """Move on after blocks that a batch ran; the batch has already added to `y`."""
        self.h = h
        self._cursor += steps
