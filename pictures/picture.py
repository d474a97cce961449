"""What is known of a picture before any pixel is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pictures.errors import ImageError

LIMIT_BYTES_PER_PIXEL = 16
"""Memory that decoding takes at most for each pixel that a picture may have."""
ACCEPTED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")


@dataclass(frozen=True)
class PictureHeader:
    """What a picture says about itself before any pixel is decoded.

    Attributes:
        format: one of `ACCEPTED_FORMATS`.
        width, height: pixels.
        bytes_per_pixel: memory that decoding takes at most, for each pixel.
        passes: how often decoding goes over all pixels; more than one in progressive JPEGs.
    """

    format: str
    width: int
    height: int
    bytes_per_pixel: int = 8
    passes: int = 1

    @property
    def megapixels(self) -> float:
        """Return the number of pixels in millions."""
        return self.width * self.height / 1e6

    @property
    def decoded_bytes(self) -> int:
        """Return the memory that decoding takes at most."""
        return self.width * self.height * self.bytes_per_pixel


@dataclass
class Picture:
    """An encoded picture whose header passed the limits; `name` is what errors call it."""

    data: bytes | bytearray
    header: PictureHeader
    name: str = "image"


@contextmanager
def naming_picture(name: str) -> Iterator[None]:
    """Let what is wrong with a picture say which one it is."""
    try:
        yield
    except ImageError as error:
        error.name = name
        raise
