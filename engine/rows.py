"""Rows: what one request keeps between steps, and how rows share a batch (docs/architecture.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from artifact.manifest import Manifest
from artifact.program import STEM_VQA, Program, Step

Array = NDArray[Any]


class Row(Protocol):
    """One row of work. Rows at the same `stage` and `bucket` may run in one batch."""

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
    def done(self) -> bool:
        """Tell whether no step is left."""
        ...

    @property
    def remaining(self) -> float:
        """Return the share of its steps still to run, 1 to 0; captions count to their limit."""
        ...

    def inputs(self) -> dict[str, Array]:
        """Return the step's inputs without the batch axis, padded to the bucket. Pure."""
        ...

    def absorb(self, outputs: Mapping[str, Array]) -> None:
        """Take the step's outputs, without the batch axis, and move on."""
        ...

    def replace_programs(self, programs: tuple[Program, ...]) -> None:
        """Change the variant; allowed only before the first step."""
        ...


def gather(rows: Sequence[Row]) -> dict[str, Array]:
    """Return the rows' inputs stacked along a new first axis [B, ...]."""
    parts = [row.inputs() for row in rows]
    return {name: np.stack([part[name] for part in parts]) for name in parts[0]}


def scatter(rows: Sequence[Row], outputs: Mapping[str, Array]) -> None:
    """Give each row its slice of a batch's outputs."""
    for index, row in enumerate(rows):
        row.absorb({name: array[index] for name, array in outputs.items()})


class Readout:
    """y of OTMV eq. 3: r summed over executed orders (`series`), or the last r (`last`), fp32."""

    def __init__(self, series: bool, tokens: int, width: int) -> None:
        self._series = series
        self.value = np.zeros((tokens, width), np.float32)

    def add(self, r: Array) -> None:
        """Take one executed order's r [tokens, D]."""
        self.value = self.value + r if self._series else np.asarray(r, np.float32)

    def reset(self) -> None:
        """Start again from zero."""
        self.value = np.zeros_like(self.value)


class VqaRow:
    """A question: stem, executed blocks, head; or the whole variant in one step."""

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
        self._mask = np.arange(config.image_tokens + length) < config.image_tokens + len(tokens)
        self._h: Array = np.empty(0, np.float32)
        self._y = Readout(config.readout == "series", 2, config.width)
        self.logits: NDArray[np.float32] | None = None

    @property
    def step(self) -> Step:
        """Return the next step."""
        return self._program.steps[self._cursor]

    @property
    def bucket(self) -> int:
        """Return the padded text length; 0 at the head, whose shape is fixed."""
        return 0 if self.step.stage.startswith("head") else self._bucket

    @property
    def done(self) -> bool:
        """Tell whether the head has run."""
        return self._cursor == len(self._program.steps)

    @property
    def remaining(self) -> float:
        """Return the share of steps still to run."""
        return 1 - self._cursor / len(self._program.steps)

    def replace_programs(self, programs: tuple[Program, ...]) -> None:
        """Change the variant before the first step."""
        if self._cursor:
            raise ValueError("the row has started")
        (self._program,) = programs

    def inputs(self) -> dict[str, Array]:
        """Return the next step's inputs."""
        step = self.step
        if step.stage == STEM_VQA:
            return {"pixels": self._pixels, "tokens": self._tokens}
        if step.order_in_key is not None:
            order = np.array(step.order_in_key, np.int64)
            return {"h": self._h, "order": order, "mask": self._mask}
        if step.stage.startswith("head"):
            return {"y": self._y.value}
        return {"pixels": self._pixels, "tokens": self._tokens, "mask": self._mask}

    def absorb(self, outputs: Mapping[str, Array]) -> None:
        """Take the step's outputs and move on."""
        if "logits" in outputs:
            self.logits = outputs["logits"]
        elif "r" in outputs:
            self._h = outputs["h_out"]
            self._y.add(outputs["r"])
        else:
            self._h = outputs["h"]
        self._cursor += 1
