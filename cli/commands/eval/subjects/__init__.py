"""What `otmv eval` measures: a checkpoint, an artifact or a running server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from artifact.task import TaskName
from tuning.data.example import DataExample


@dataclass(frozen=True)
class Shown:
    """An example, and its pictures as far as a subject looks at pixels.

    Attributes:
        example: what is asked.
        pixels: uint8 `[side, side, 3]` each, left to right; empty for a subject that reads files.
        blank: whether a grey picture stands in for each.
    """

    example: DataExample
    pixels: tuple[NDArray[np.uint8], ...]
    blank: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """The picture files, left to right."""
        return tuple(map(Path, self.example.pictures))


Vectors = NDArray[np.float32]
"""Of one variant, each of length 1: `[n, width]`."""


class Subject(Protocol):
    """Something that answers, in several variants. Tasks are called as in a model's config."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def tasks(self) -> tuple[TaskName, ...]:
        """What it can be asked."""
        ...

    def side_px(self, task: TaskName) -> int | None:
        """Return the side of the pictures it looks at; None: it reads files itself."""
        ...

    def variants(self, task: TaskName) -> tuple[str, ...]:
        """Return the variants that are measured, shallow to deep."""
        ...

    def answers(self, task: TaskName, variant: str, shown: Sequence[Shown]) -> list[str | None]:
        """Return an answer to each example, None where it cannot be asked."""
        ...

    def picture_vectors(self, variant: str, shown: Sequence[Shown]) -> list[Vectors | None]:
        """Return the vector of each example's picture `[1, width]`, None where there is none."""
        ...

    def text_vectors(self, variant: str, texts: Sequence[Sequence[str]]) -> list[Vectors | None]:
        """Return the vectors of each group's texts, at least one; None where there are none."""
        ...

    def problem(self, texts: Sequence[str]) -> str | None:
        """Return why some text of an example cannot be read, as far as is known unasked."""
        ...
