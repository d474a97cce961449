"""BMP: run lengths are undone in Python, so pictures with them may be small only."""

from __future__ import annotations

from pictures.errors import ImageTooComplex
from pictures.headers.reading import one, unpacked
from pictures.picture import PictureHeader

LIMIT_RUN_LENGTH_PIXELS = 4_000_000
"""Less than a second of Pillow's time."""
LIMIT_RUN_LENGTH_BYTES = 2_000_000
_INFO = 14
_OLD_HEADER_BYTES = 12
_RUN_LENGTHS = (1, 2)


def read(data: bytes | bytearray) -> PictureHeader:
    """Return the header; raises CutOff, ImageTooComplex."""
    if one("<I", data, _INFO) == _OLD_HEADER_BYTES:
        width, height, _, bits = unpacked("<HHHH", data, _INFO + 4)
        return PictureHeader("BMP", width, height, _bytes_per_pixel(bits))
    width, height, _, bits, compression = unpacked("<IiHHI", data, _INFO + 4)
    height = abs(height)  # negative: from top to bottom
    if compression in _RUN_LENGTHS and (
        width * height > LIMIT_RUN_LENGTH_PIXELS or len(data) > LIMIT_RUN_LENGTH_BYTES
    ):
        raise ImageTooComplex(
            f"it has run lengths and more than {LIMIT_RUN_LENGTH_PIXELS} pixels "
            f"or {LIMIT_RUN_LENGTH_BYTES} bytes"
        )
    return PictureHeader("BMP", width, height, _bytes_per_pixel(bits))


def _bytes_per_pixel(bits: int) -> int:
    return 9 if bits <= 8 else 8
