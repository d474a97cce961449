"""What of a PNG its pixels need: text, colour profiles and animations are never unpacked."""

from __future__ import annotations

import struct
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ABOUT_PIXELS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_GREY, _RGB = 0, 2
_COLOUR, _DEPTH = 25, 24
_AROUND_CHUNK = 12
_LEAST_BYTES = 33
"""Signature and first chunk."""


@dataclass(frozen=True)
class PngPixels:
    """A PNG with the chunks about its pixels only.

    Attributes:
        data: the file, without other chunks.
        key: the samples of the transparent colour, one or three, as deep as the file's; or none.
        exif: the Exif data, or nothing.
    """

    data: bytes
    key: tuple[int, ...] = ()
    exif: bytes = b""

    @property
    def depth(self) -> int:
        """Return the bits of a sample."""
        return self.data[_DEPTH]


def png_pixels(data: bytes | bytearray) -> PngPixels:
    """Return what a PNG's pixels need; a file that ends early stays one that ends early."""
    if len(data) < _LEAST_BYTES:
        return PngPixels(bytes(data))
    view = memoryview(data)
    kept = [view[: len(SIGNATURE)]]
    key: tuple[int, ...] = ()
    exif = b""
    at = len(SIGNATURE)
    while at + _AROUND_CHUNK <= len(data):
        kind = bytes(view[at + 4 : at + 8])
        (length,) = struct.unpack_from(">I", data, at)
        end = at + _AROUND_CHUNK + length
        if kind == b"tRNS" and data[_COLOUR] in (_GREY, _RGB):
            key = key or _key(bytes(view[at + 8 : end - 4]), data[_COLOUR], data[_DEPTH])
        elif kind == b"eXIf":
            exif = exif or bytes(view[at + 8 : end - 4])
        elif kind in _ABOUT_PIXELS or kind == b"tRNS":
            kept.append(view[at:end])
        at = end
        if kind == b"IEND":
            break
    else:
        kept.append(view[at:])
    return PngPixels(b"".join(kept), key, exif)


def _key(body: bytes, colour: int, depth: int) -> tuple[int, ...]:
    """Return the transparent colour; its bits beyond the depth say nothing."""
    count = 1 if colour == _GREY else 3
    if len(body) != 2 * count:
        return ()
    return tuple(value & ((1 << depth) - 1) for value in struct.unpack(f">{count}H", body))
