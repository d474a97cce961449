"""PNG: every colour type and depth, plain and interlaced, with each form of transparency."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from tests.server.kit.picture_files.scene import HEIGHT, WIDTH, Samples, packed, palette, samples

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_NAMES = {0: "grey", 2: "rgb", 3: "palette", 4: "grey+alpha", 6: "rgb+alpha"}
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def file(
    pixels: Samples, colour: int, depth: int, more: bytes = b"", interlaced: bool = False
) -> bytes:
    """Return a PNG; `more` are chunks before its pixels."""
    height, width, channels = pixels.shape
    parts = [pixels]
    if interlaced:
        parts = [pixels[y::rows, x::columns] for x, y, columns, rows in _PASSES]
    unit = max(1, channels * depth // 8)
    body = b"".join(_filtered(part, depth, unit) for part in parts if part.size)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + more
        + chunk(b"IDAT", zlib.compress(body))
        + chunk(b"IEND", b"")
    )


def _filtered(part: Samples, depth: int, unit: int) -> bytes:
    """Return rows with their filters, which take turns."""
    out = bytearray()
    above = np.zeros(len(packed(part[0], depth)), np.int64)
    for index, row in enumerate(part):
        now = np.frombuffer(packed(row, depth), np.uint8).astype(np.int64)
        left = np.concatenate([np.zeros(unit, np.int64), now])[: len(now)]
        corner = np.concatenate([np.zeros(unit, np.int64), above])[: len(now)]
        guesses = (0 * now, left, above, (left + above) // 2, _paeth(left, above, corner))
        out.append(index % 5)
        out += (now - guesses[index % 5]).astype(np.uint8).tobytes()
        above = now
    return bytes(out)


def _paeth(left: Samples, above: Samples, corner: Samples) -> Samples:
    guess = left + above - corner
    apart = [abs(guess - each) for each in (left, above, corner)]
    nearest = np.where(apart[1] <= apart[2], above, corner)
    return np.where((apart[0] <= apart[1]) & (apart[0] <= apart[2]), left, nearest)


def files() -> dict[str, bytes]:
    """Return the files by name."""
    return dict(_files())


def _files() -> Iterator[tuple[str, bytes]]:
    for colour, depths in _DEPTHS.items():
        for depth in depths:
            for interlaced in (False, True):
                ending = f"{depth} bit{' interlaced' if interlaced else ''}"
                for kind, more in _transparencies(colour, depth):
                    name = f"png {_NAMES[colour]}{kind} {ending}"
                    pixels = samples(name, _CHANNELS[colour], depth)
                    if kind == " transparent":
                        pixels, more = _keyed(pixels, depth)
                    yield name, file(pixels, colour, depth, more, interlaced)


def _transparencies(colour: int, depth: int) -> Iterator[tuple[str, bytes]]:
    if colour != 3:
        yield "", b""
        if colour in (0, 2):
            yield " transparent", b""
        return
    colours = palette(1 << depth).tobytes()
    yield "", chunk(b"PLTE", colours)
    shares = bytes((37 * index) % 256 for index in range(1 << depth))
    yield " shares", chunk(b"PLTE", colours) + chunk(b"tRNS", shares)
    one = b"\xff" * ((1 << depth) - 1) + b"\0"
    yield " one", chunk(b"PLTE", colours) + chunk(b"tRNS", one)
    yield " few", chunk(b"PLTE", colours) + chunk(b"tRNS", b"\0")


def _keyed(pixels: Samples, depth: int) -> tuple[Samples, bytes]:
    """Return the pixels with a block of the transparent value, beside one that is nearly it."""
    top = (1 << depth) - 1
    key = np.array([3 * top // 7, 1 + top // 5, top // 2][: pixels.shape[2]])
    pixels[2 : HEIGHT // 2, 2 : WIDTH // 2] = key
    pixels[HEIGHT // 2 : HEIGHT - 3, 2 : WIDTH // 2] = np.minimum(key + 1, top)
    return pixels, chunk(b"tRNS", key.astype(">u2").tobytes())
