"""What every row can do, and how rows share a batch (docs/architecture.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from artifact.program import Program, Step
from engine.backends.arrays import AnyArray, stack
from engine.rows.caption.row import CaptionRow
from engine.rows.part import RowPart
from engine.rows.slots import Rider


class Row(RowPart, Protocol):
    """A request's work. Rows at the same stage and bucket may run in one batch."""

    @property
    def parts(self) -> Sequence[RowPart]:
        """What takes the next step: itself, one row for each picture, or one part for each stop."""
        ...

    @property
    def riders(self) -> Sequence[Rider]:
        """The rows that need a slot for their hidden state while blocks run."""
        ...

    @property
    def caption(self) -> CaptionRow | None:
        """Itself if it writes words, else None."""
        ...

    @property
    def step(self) -> Step:
        """The step it needs next."""
        ...

    @property
    def bucket(self) -> int:
        """That step's shape bucket: padded text or cache length, 0 for fixed shapes."""
        ...

    @property
    def logits(self) -> NDArray[np.float32] | None:
        """The latest head output: logits [V], or a vector [D]; None before the first."""
        ...

    @property
    def vectors(self) -> Mapping[int, NDArray[np.float32]]:
        """The vectors [D] of its stops, by the number of blocks run; none if it makes no vector."""
        ...

    @property
    def ended(self) -> bool:
        """Whether no step of its program is left."""
        ...

    @property
    def done(self) -> bool:
        """Whether its answer is there."""
        ...

    def adapt(self, place: int) -> None:
        """Run with the adapter at that place of the tables (ADR 0036); before its first step."""
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

    def leave(self) -> None:
        """Give back what it holds of the engine; nothing runs for it any more."""
        ...


def parts_of(rows: Sequence[Row]) -> list[RowPart]:
    """Return what takes the rows' next step."""
    return [part for row in rows for part in row.parts]


def gather(parts: Sequence[RowPart]) -> dict[str, AnyArray]:
    """Return the inputs of parts, stacked along a new first axis [B, ...]."""
    given = [part.inputs() for part in parts]
    return {name: stack([each[name] for each in given]) for name in given[0]}


def scatter(*batches: tuple[Sequence[RowPart], Mapping[str, Any]]) -> None:
    """Give each part of each batch its slice of that batch's outputs, or none of them any.

    Raises:
        ValueError: if an output has not one slice for each.
    """
    for parts, outputs in batches:
        for name, array in outputs.items():
            if len(array) != len(parts):
                raise ValueError(f"{name} has {len(array)} rows, not {len(parts)}")
    for parts, outputs in batches:
        for index, part in enumerate(parts):
            part.absorb({name: array[index] for name, array in outputs.items()})
