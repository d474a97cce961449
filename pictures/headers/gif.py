"""GIF: only the first frame is ever decoded; what stands before it is bounded."""

from __future__ import annotations

from pictures.errors import ImageTooComplex, ImageUnreadable
from pictures.headers.reading import one, unpacked
from pictures.picture import PictureHeader

LIMIT_BLOCKS = 10_000
"""Blocks of up to 255 bytes before the first frame: 2.5 MB of comments and colour profiles."""
_SCREEN_END = 13
_EXTENSION, _FRAME = 0x21, 0x2C


def read(data: bytes | bytearray) -> PictureHeader:
    """Return the header, of the screen or the first frame, whichever is larger.

    Raises CutOff, ImageTooComplex, ImageUnreadable.
    """
    width, height, flags = unpacked("<HHB", data, 6)
    at = _SCREEN_END + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    in_extension = False
    for _ in range(LIMIT_BLOCKS):
        kind = one("B", data, at)
        if in_extension:  # a block: its length, and as many bytes; the last one is empty
            in_extension = kind > 0
            at += 1 + kind
        elif kind == _FRAME:
            left, top, frame_width, frame_height = unpacked("<HHHH", data, at + 1)
            return PictureHeader(
                "GIF", max(width, left + frame_width), max(height, top + frame_height), 10
            )
        elif kind == _EXTENSION:
            in_extension = True
            at += 2
        elif kind == ord(";"):
            raise ImageUnreadable("it has no frame")
        else:
            at += 1
    raise ImageTooComplex(f"it has more than {LIMIT_BLOCKS} blocks before its first frame")
