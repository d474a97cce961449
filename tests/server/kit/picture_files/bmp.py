"""BMP: each header, depth, mask, direction and run length."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tests.server.kit.picture_files.scene import HEIGHT, WIDTH, Samples, packed, palette, samples

_HEADERS = (12, 40, 108, 124)
_GREY_2 = np.array([[0, 0, 0], [255, 255, 255]], np.uint8)
_MASKS = {
    16: {"555": (0x7C00, 0x3E0, 0x1F, 0), "565": (0xF800, 0x7E0, 0x1F, 0)},
    32: {
        "bgrx": (0xFF0000, 0xFF00, 0xFF, 0),
        "bgra": (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
        "rgba": (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
        "abgr": (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
    },
}


def file(
    rows: list[bytes],
    bits: int,
    *,
    header: int = 40,
    colours: NDArray[np.uint8] | None = None,
    masks: tuple[int, int, int, int] | None = None,
    top_down: bool = False,
    width: int = WIDTH,
    runs: bytes = b"",
) -> bytes:
    """Return a BMP of packed rows from top to bottom, or of run lengths."""
    height = len(rows)
    lines = [row.ljust((width * bits + 31) // 32 * 4, b"\0") for row in rows]
    data = runs or b"".join(lines if top_down else lines[::-1])
    compression = 3 if masks else {0: 0, 4: 2, 8: 1}[bits if runs else 0]
    tall = -height if top_down else height
    count = 0 if colours is None else len(colours)
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        fields = (header, width, tall, 1, bits, compression, len(data), 2835, 2835, count, 0)
        info = struct.pack("<IiiHHIIiiII", *fields)
    if masks and header > 40:
        info += struct.pack("<IIII", *masks)
    info = info.ljust(header, b"\0")
    if masks and header == 40:
        info += struct.pack("<III", *masks[:3])
    table = b""
    if colours is not None:
        table = b"".join(bytes(colour[::-1]) + b"\0" * (header != 12) for colour in colours)
    start = 14 + len(info) + len(table)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + info + table + data


def files() -> dict[str, bytes]:
    """Return the files by name."""
    return dict(_files())


def _files() -> Iterator[tuple[str, bytes]]:
    for bits in (1, 4, 8):
        for header in _HEADERS:
            name = f"bmp palette {bits} bit header {header}"
            yield name, file(_rows(name, 1, bits), bits, header=header, colours=palette(1 << bits))
        name = f"bmp palette {bits} bit top down"
        yield name, file(_rows(name, 1, bits), bits, colours=palette(1 << bits), top_down=True)
        for words, colours in _greys(bits):
            name = f"bmp {words} {bits} bit"
            indices = samples(name, 1, bits) % len(colours)
            yield name, file([packed(row, bits) for row in indices], bits, colours=colours)
        if bits > 1:
            name = f"bmp few colours {bits} bit"
            indices = samples(name, 1, bits) % 5
            rows = [packed(row, bits) for row in indices]
            yield name, file(rows, bits, colours=palette(5))
            name = f"bmp runs {bits} bit"
            runs = _runs(samples(name, 1, bits), bits)
            yield name, file([b""] * HEIGHT, bits, colours=palette(1 << bits), runs=runs)
    for header in _HEADERS:
        name = f"bmp rgb 24 bit header {header}"
        yield name, file(_rows(name, 3, 8), 24, header=header)
    yield from _masked()


def _greys(bits: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield palettes that a decoder could take for no palette."""
    yield "black and white", _GREY_2
    yield "white and black", _GREY_2[::-1]
    count = np.arange(1 << bits)
    yield "steps of one", np.repeat(count[:, None], 3, 1).astype(np.uint8)
    full = count * 255 // max(1, len(count) - 1)
    yield "grey", np.repeat(full[:, None], 3, 1).astype(np.uint8)
    yield "grey backwards", np.repeat(full[::-1][:, None], 3, 1).astype(np.uint8)


def _masked() -> Iterator[tuple[str, bytes]]:
    for bits, kinds in _MASKS.items():
        plain = f"bmp rgb {bits} bit"
        yield plain, file(_masked_rows(plain, next(iter(kinds.values())), bits), bits)
        for kind, masks in kinds.items():
            for header in (40, 108, 124):
                if header == 40 and masks[3]:
                    continue
                for top_down in (False, True):
                    name = f"bmp {kind} {bits} bit header {header}{' top down' * top_down}"
                    rows = _masked_rows(name, masks, bits)
                    yield name, file(rows, bits, header=header, masks=masks, top_down=top_down)
    name = "bmp bgra 32 bit no alpha set"
    rows = _masked_rows(name, _MASKS[32]["bgrx"], 32)
    yield name, file(rows, 32, header=124, masks=_MASKS[32]["bgra"])


def _rows(name: str, channels: int, depth: int) -> list[bytes]:
    return [packed(row, depth) for row in samples(name, channels, depth)]


def _masked_rows(name: str, masks: tuple[int, int, int, int], bits: int) -> list[bytes]:
    pixels = samples(name, 4, 8)
    words = np.zeros(pixels.shape[:2], np.int64)
    for channel, mask in enumerate(masks):
        if mask:
            low = (mask & -mask).bit_length() - 1
            size = (mask >> low).bit_length()
            words |= (pixels[:, :, channel] >> (8 - size)) << low
    return [row.astype(f"<u{bits // 8}").tobytes() for row in words]


def _runs(indices: Samples, bits: int) -> bytes:
    """Return run lengths: runs of equal pixels and literal pixels in turns."""
    out = bytearray()
    for row in indices[::-1, :, 0]:
        at = 0
        while at < len(row):
            literal = row[at : at + 4]
            if len(literal) == 4 and at % 3 == 0:
                out += bytes([0, 4])
                data = packed(literal, bits)
                out += data + b"\0" * (len(data) % 2)
                at += 4
            else:
                value = int(row[at])
                out += bytes([1, value if bits == 8 else value << 4])
                at += 1
        out += b"\0\0"
    return bytes(out + b"\0\1")
