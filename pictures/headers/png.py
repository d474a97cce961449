"""PNG: chunks are bounded, and those of them that hold compressed text or colours."""

from __future__ import annotations

from pictures.errors import ImageTooComplex
from pictures.headers.reading import CutOff, one, unpacked
from pictures.picture import PictureHeader

LIMIT_CHUNKS = 20_000
"""A body of 20 MiB in chunks of 1 kB; encoders write 8 kB and more."""
LIMIT_COMPRESSED_CHUNKS = 64
"""Each may unfold to 1 MiB."""
_COMPRESSED = frozenset({b"iCCP", b"zTXt", b"iTXt"})
_AFTER_SIGNATURE = 8
_AROUND_CHUNK = 12
_COLOURS = frozenset({0, 2, 3, 4, 6})


def read(data: bytes | bytearray) -> PictureHeader:
    """Return the header; raises CutOff, ImageTooComplex."""
    if data[12:16] != b"IHDR":
        raise CutOff
    width, height, _, colour = unpacked(">IIBB", data, 16)
    if colour not in _COLOURS:
        raise CutOff
    _check_chunks(data)
    return PictureHeader("PNG", width, height, 9)


def _check_chunks(data: bytes | bytearray) -> None:
    at, compressed = _AFTER_SIGNATURE, 0
    for _ in range(LIMIT_CHUNKS):
        if at + _AROUND_CHUNK > len(data):
            return
        kind = bytes(data[at + 4 : at + 8])
        compressed += kind in _COMPRESSED
        if compressed > LIMIT_COMPRESSED_CHUNKS:
            raise ImageTooComplex(f"it has more than {LIMIT_COMPRESSED_CHUNKS} compressed chunks")
        if kind == b"IEND":
            return
        at += _AROUND_CHUNK + one(">I", data, at)
    raise ImageTooComplex(f"it has more than {LIMIT_CHUNKS} chunks")
