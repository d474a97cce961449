"""GIF: depths, tables, interlacing, transparency, frames smaller than the screen."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import product

import numpy as np

from tests.server.kit.picture_files.scene import HEIGHT, WIDTH, Samples, palette, samples

_LOCAL_SEED = 9


def _lzw(data: bytes, depth: int) -> bytes:
    """Return sub-blocks of codes that never grow: the table is cleared in time."""
    smallest = max(2, depth)
    size, clear = smallest + 1, 1 << smallest
    stream, bits = 0, 0
    for index, value in enumerate(data):
        codes = (clear, value) if index % (clear - 2) == 0 else (value,)
        for code in codes:
            stream |= code << bits
            bits += size
    stream |= (clear + 1) << bits
    raw = stream.to_bytes((bits + size + 7) // 8, "little")
    blocks = [raw[at : at + 255] for at in range(0, len(raw), 255)]
    return bytes([smallest]) + b"".join(bytes([len(b)]) + b for b in blocks) + b"\0"


def file(
    indices: Samples,
    depth: int,
    *,
    local: bool = False,
    interlaced: bool = False,
    transparent: int | None = None,
    place: tuple[int, int] = (0, 0),
    background: int = 0,
    frames: int = 1,
) -> bytes:
    """Return a GIF; `place` is where a frame stands on a screen of the full size."""
    rows = indices[:, :, 0]
    height, width = rows.shape
    if interlaced:
        rows = np.concatenate([rows[0::8], rows[4::8], rows[2::4], rows[1::2]])
    out = b"GIF89a" + struct.pack("<HHBBB", WIDTH, HEIGHT, 0x80 | 0x70 | depth - 1, background, 0)
    out += palette(1 << depth).tobytes()
    for index in range(frames):
        if transparent is not None:
            out += b"\x21\xf9\x04" + struct.pack("<BHB", 1, 0, transparent) + b"\0"
        flags = (0x80 | depth - 1 if local else 0) | (0x40 if interlaced else 0)
        out += b"," + struct.pack("<HHHHB", *place, width, height, flags)
        if local:
            out += palette(1 << depth, _LOCAL_SEED).tobytes()
        shown = rows if index == 0 else (1 << depth) - 1 - rows
        out += _lzw(shown.astype(np.uint8).tobytes(), depth)
    return out + b";"


def files() -> dict[str, bytes]:
    """Return the files by name."""
    return dict(_files())


def _files() -> Iterator[tuple[str, bytes]]:
    for depth, local, interlaced, see_through in product(
        (1, 2, 3, 4, 5, 6, 7, 8), *[(False, True)] * 3
    ):
        if depth in (3, 5, 6, 7) and (local or interlaced):
            continue
        name = f"gif {depth} bit{' local' * local}{' interlaced' * interlaced}"
        name += " transparent" * see_through
        key = (1 << depth) // 2 if see_through else None
        indices = samples(name, 1, depth)
        yield name, file(indices, depth, local=local, interlaced=interlaced, transparent=key)
    for see_through, background in product((False, True), (0, 3)):
        name = f"gif small frame background {background}{' transparent' * see_through}"
        indices = samples(name, 1, 4, 9, 5)
        key = 5 if see_through else None
        yield name, file(indices, 4, place=(7, 4), background=background, transparent=key)
    name = "gif two frames"
    yield name, file(samples(name, 1, 4), 4, frames=2)
