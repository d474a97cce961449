"""What decoding one picture may take, by what its header says."""

from __future__ import annotations

from dataclasses import dataclass

from pictures.picture import LIMIT_BYTES_PER_PIXEL, PictureHeader

MAX_PIXELS = 64_000_000
"""Pixels that a picture of a data set or an artifact may have."""

_PASSES_OF_A_PHOTOGRAPH = 10
_CPU_FIXED_S = 0.5
_CPU_S_PER_MEGAPIXEL = 0.4
"""At least five times what the slowest format takes on a slow processor."""
_OWN_BYTES = 128 * 2**20
"""What a worker takes beside pixels: the encoded picture twice, and its libraries' tables."""


@dataclass(frozen=True)
class DecodeLimits:
    """What decoding one picture may take: pixels, and seconds of processor time."""

    max_pixels: int
    cpu_s: float


def limits_of(header: PictureHeader, max_pixels: int) -> DecodeLimits:
    """Return the limits of a picture of this size."""
    return DecodeLimits(max_pixels, _CPU_FIXED_S + _CPU_S_PER_MEGAPIXEL * work_megapixels(header))


def work_megapixels(header: PictureHeader) -> float:
    """Return the megapixels of a photograph that is as much work, if it has more passes."""
    return header.megapixels * max(1.0, header.passes / _PASSES_OF_A_PHOTOGRAPH)


def worker_memory_bytes(max_pixels: int) -> int:
    """Return the address space that a worker may take for pictures of at most `max_pixels`."""
    return LIMIT_BYTES_PER_PIXEL * max_pixels + _OWN_BYTES
