"""Labelled examples: for the ladder search, for quality, and for golden cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from artifact.preprocess import to_pixels
from artifact.task import TaskName
from pictures.images import decode_rgb
from pictures.limits import MAX_PIXELS


@dataclass(frozen=True)
class Example:
    """One labelled request.

    Attributes:
        image: encoded bytes of the picture's file; of the left one's if there are two.
        task: name of the task.
        question: what is asked about the picture.
        answers: right answers to it.
        caption: a right caption.
        phrases: what a right caption names.
        right_image: encoded bytes of the right picture's file.
        statement: what is said about the pictures.
        truth: whether the statement holds.
    """

    image: bytes
    task: TaskName
    question: str | None = None
    answers: tuple[str, ...] = ()
    caption: str | None = None
    phrases: tuple[str, ...] = ()
    right_image: bytes | None = None
    statement: str | None = None
    truth: bool | None = None

    @property
    def images(self) -> tuple[bytes, ...]:
        """The encoded pictures, left to right."""
        return (self.image,) if self.right_image is None else (self.image, self.right_image)

    @property
    def text(self) -> str | None:
        """What is given with the pictures: the question, or the statement."""
        return self.question if self.statement is None else self.statement


def picture(image: bytes, side_px: int) -> NDArray[np.uint8]:
    """Decode and resize as the server does: uint8 `[side, side, 3]`."""
    return to_pixels(decode_rgb(image, MAX_PIXELS), side_px)


def padded(rows: Sequence[Sequence[int]], fill: int) -> Tensor:
    """Stack rows of token ids, the shorter ones filled up at their ends: int64 `[n, longest]`."""
    length = max(len(row) for row in rows)
    return torch.tensor([[*row, *[fill] * (length - len(row))] for row in rows])


def lengths_mask(rows: Sequence[Sequence[int]], length: int) -> Tensor:
    """Return where padded rows hold tokens of their own: bool `[n, length]`."""
    return torch.arange(length)[None] < torch.tensor([len(row) for row in rows])[:, None]
