"""Which part of a picture becomes pixels, and how exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artifact.preprocess import to_pixels


@dataclass(frozen=True)
class View:
    """The part of the upright picture that is squared to pixels, as shares of width and height.

    Attributes:
        left, top, right, bottom: 0 to 1; by default all of it.
        reduced: a JPEG may be decoded at a half, a quarter or an eighth of its size, where that is
            still as large as the pixels need. Much faster, and not to the bit what a server sees.
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0
    reduced: bool = False

    def __post_init__(self) -> None:
        """Refuse a part that is none.

        Raises:
            ValueError: an edge lies outside, or behind the opposite one.
        """
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            raise ValueError(f"no part of a picture: {self}")

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the picture."""
        return (self.left, self.top, self.right, self.bottom) == (0.0, 0.0, 1.0, 1.0)

    def least_px(self, side_px: int) -> int | None:
        """Return how many pixels a side of the whole picture needs; None: all it has.

        The larger of both sides' needs: a picture may yet be turned.
        """
        if not self.reduced:
            return None
        return math.ceil(side_px / min(self.right - self.left, self.bottom - self.top))

    def pixels(self, image: Image.Image, side_px: int) -> NDArray[np.uint8]:
        """Return the part of an RGB picture as uint8 `[side, side, 3]`, by bicubic resize."""
        if self.is_whole:
            return to_pixels(image, side_px)
        box = (
            self.left * image.width,
            self.top * image.height,
            self.right * image.width,
            self.bottom * image.height,
        )
        resized = image.resize((side_px, side_px), Image.Resampling.BICUBIC, box=box)
        return np.array(resized, dtype=np.uint8)


WHOLE = View()
"""All of a picture, to the bit as a server sees it."""
