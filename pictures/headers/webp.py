"""WebP: lossy, lossless or extended; the number of frames is bounded."""

from __future__ import annotations

from pictures.errors import ImageTooComplex
from pictures.headers.reading import CutOff, one, unpacked
from pictures.picture import PictureHeader

LIMIT_CHUNKS = 10_000
"""An animation has two or three chunks a frame, of which the library reads the heads."""
_FIRST_CHUNK = 12
_BODY = 20
_14_BITS = 0x3FFF


def read(data: bytes | bytearray) -> PictureHeader:
    """Return the header; raises CutOff, ImageTooComplex."""
    width, height = _size(data)
    at = _FIRST_CHUNK
    for _ in range(LIMIT_CHUNKS):
        if at + 8 > len(data):
            # two canvases of the animation's decoder, the picture, and its RGB
            return PictureHeader("WEBP", width, height, 16)
        length = one("<I", data, at + 4)
        at += 8 + length + (length & 1)
    raise ImageTooComplex(f"it has more than {LIMIT_CHUNKS} chunks")


def _size(data: bytes | bytearray) -> tuple[int, int]:
    kind = bytes(data[_FIRST_CHUNK : _FIRST_CHUNK + 4])
    if kind == b"VP8X":
        low_width, high_width, low_height, high_height = unpacked("<HBHB", data, _BODY + 4)
        return 1 + (high_width << 16 | low_width), 1 + (high_height << 16 | low_height)
    if kind == b"VP8L":
        bits = one("<I", data, _BODY + 1)
        return 1 + (bits & _14_BITS), 1 + (bits >> 14 & _14_BITS)
    if kind == b"VP8 ":
        width, height = unpacked("<HH", data, _BODY + 6)
        return width & _14_BITS, height & _14_BITS
    raise CutOff
