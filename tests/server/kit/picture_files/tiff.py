"""TIFF: photometric interpretations, depths, byte orders, planes, tiles and codings."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tests.server.kit.picture_files.scene import HEIGHT, Samples, packed, palette, samples

_Code = Callable[[bytes], bytes]
_TILE = 16


def _packbits(data: bytes) -> bytes:
    """Return literal runs only."""
    parts = [data[at : at + 128] for at in range(0, len(data), 128)]
    return b"".join(bytes([len(part) - 1]) + part for part in parts)


def _lzw(data: bytes) -> bytes:
    """Return codes of 9 bits, the table cleared before it grows."""
    codes = []
    for index, byte in enumerate(data):
        if index % 250 == 0:
            codes.append(256)
        codes.append(byte)
    codes.append(257)
    bits = "".join(f"{code:09b}" for code in codes)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


_CODINGS: dict[str, tuple[int, _Code]] = {
    "": (1, bytes),
    " lzw": (5, _lzw),
    " deflate": (8, zlib.compress),
    " packbits": (32773, _packbits),
}


@dataclass(frozen=True)
class Form:
    """How a file stores its samples; `order` is "<" or ">"."""

    photometric: int
    depth: int
    order: str = "<"
    coding: str = ""
    planar: bool = False
    tiled: bool = False
    rows_per_strip: int = HEIGHT
    predictor: bool = False
    extra: tuple[int, ...] = ()
    kind: int = 1
    colours: bool = False
    orientation: int = 1
    reversed_bits: bool = False


def file(
    pixels: Samples, form: Form, more: list[tuple[int, int, list[int]]] | None = None
) -> bytes:
    """Return a TIFF of samples [height, width, channels]; `more` are tags with type and values."""
    height, width, channels = pixels.shape
    planes = (
        [pixels[:, :, index : index + 1] for index in range(channels)] if form.planar else [pixels]
    )
    pieces = [_coded(piece, form) for plane in planes for piece in _pieces(plane, form)]
    tags = _tags(width, height, channels, form) + (more or [])
    places, counts = (324, 325) if form.tiled else (273, 279)
    tags += [(counts, 4, [len(piece) for piece in pieces]), (places, 4, [0] * len(pieces))]
    return _written(sorted(tags), places, pieces, form.order)


def _pieces(plane: Samples, form: Form) -> Iterator[Samples]:
    if not form.tiled:
        for top in range(0, len(plane), form.rows_per_strip):
            yield plane[top : top + form.rows_per_strip]
        return
    height, width, _ = plane.shape
    padded = np.pad(plane, ((0, -height % _TILE), (0, -width % _TILE), (0, 0)), mode="edge")
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            yield padded[top : top + _TILE, left : left + _TILE]


def _coded(piece: Samples, form: Form) -> bytes:
    if form.predictor:
        before = np.concatenate([np.zeros_like(piece[:, :1]), piece[:, :-1]], axis=1)
        piece = (piece - before) % (1 << form.depth)
    data = b"".join(packed(row, form.depth, form.order) for row in piece)
    if form.reversed_bits:
        data = bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)
    return _CODINGS[form.coding][1](data)


def _tags(width: int, height: int, channels: int, form: Form) -> list[tuple[int, int, list[int]]]:
    tags: list[tuple[int, int, list[int]]] = [
        (256, 3, [width]),
        (257, 3, [height]),
        (258, 3, [form.depth] * channels),
        (259, 3, [_CODINGS[form.coding][0]]),
        (262, 3, [form.photometric]),
        (277, 3, [channels]),
        (284, 3, [2 if form.planar else 1]),
        (339, 3, [form.kind] * channels),
    ]
    if form.tiled:
        tags += [(322, 3, [_TILE]), (323, 3, [_TILE])]
    else:
        tags.append((278, 3, [form.rows_per_strip]))
    if form.predictor:
        tags.append((317, 3, [2]))
    if form.extra:
        tags.append((338, 3, list(form.extra)))
    if form.orientation != 1:
        tags.append((274, 3, [form.orientation]))
    if form.reversed_bits:
        tags.append((266, 3, [2]))
    if form.colours:
        table = palette(1 << form.depth).astype(int) * 257
        tags.append((320, 3, table.T.reshape(-1).tolist()))
    return tags


def _written(
    tags: list[tuple[int, int, list[int]]], places: int, pieces: list[bytes], order: str
) -> bytes:
    forms = {3: "H", 4: "I"}
    values = {tag: struct.pack(f"{order}{len(v)}{forms[kind]}", *v) for tag, kind, v in tags}
    at = 8 + 2 + 12 * len(tags) + 4
    starts: dict[int, int] = {}
    for tag, value in values.items():
        if len(value) > 4:
            starts[tag] = at
            at += len(value) + len(value) % 2
    spots = []
    for piece in pieces:
        spots.append(at)
        at += len(piece) + len(piece) % 2
    values[places] = struct.pack(f"{order}{len(spots)}I", *spots)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(tags))
    for tag, kind, numbers in tags:
        head += struct.pack(order + "HHI", tag, kind, len(numbers))
        head += (
            struct.pack(order + "I", starts[tag]) if tag in starts else values[tag].ljust(4, b"\0")
        )
    head += b"\0\0\0\0"
    long = [value for value in values.values() if len(value) > 4]
    return head + b"".join(part + b"\0" * (len(part) % 2) for part in (*long, *pieces))


_KINDS: dict[str, tuple[int, tuple[int, ...], int, tuple[int, ...]]] = {
    "white-is-zero": (1, (1, 2, 4, 8, 12, 16, 32), 0, ()),
    "grey": (1, (1, 2, 4, 8, 12, 16, 32), 1, ()),
    "grey+alpha": (2, (8,), 1, (2,)),
    "grey+multiplied alpha": (2, (8,), 1, (1,)),
    "rgb": (3, (8, 16), 2, ()),
    "rgb+alpha": (4, (8, 16), 2, (2,)),
    "rgb+multiplied alpha": (4, (8, 16), 2, (1,)),
    "rgb+unknown": (4, (8, 16), 2, (0,)),
    "palette": (1, (1, 2, 4, 8), 3, ()),
}


def files() -> dict[str, bytes]:
    """Return the files by name."""
    return dict(_files())


def _files() -> Iterator[tuple[str, bytes]]:
    for kind, (channels, depths, photometric, extra) in _KINDS.items():
        for depth in depths:
            for order in "<>":
                for words, form in _forms(photometric, depth, order, extra, channels):
                    name = f"tiff {kind} {depth} bit {'II' if order == '<' else 'MM'}{words}"
                    pixels = samples(name, channels, depth)
                    if kind.endswith("multiplied alpha"):
                        top = (1 << depth) - 1
                        pixels[:, :, :-1] = pixels[:, :, :-1] * pixels[:, :, -1:] // top
                    yield name, file(pixels, form)


def _forms(
    photometric: int, depth: int, order: str, extra: tuple[int, ...], channels: int
) -> Iterator[tuple[str, Form]]:
    palette_given = photometric == 3
    plain = {"extra": extra, "colours": palette_given}
    yield "", Form(photometric, depth, order, **plain)
    yield " lzw", Form(photometric, depth, order, coding=" lzw", rows_per_strip=5, **plain)
    if order == "<":
        yield " packbits", Form(photometric, depth, order, coding=" packbits", **plain)
        yield " tiled", Form(photometric, depth, order, coding=" deflate", tiled=True, **plain)
        yield " strips", Form(photometric, depth, order, rows_per_strip=4, **plain)
        if depth in (8, 16) and photometric != 3:
            coded = Form(photometric, depth, order, coding=" deflate", predictor=True, **plain)
            yield " predicted", coded
    if channels > 2:
        yield " planes", Form(photometric, depth, order, planar=True, **plain)
        yield " planes lzw", Form(photometric, depth, order, planar=True, coding=" lzw", **plain)
    if channels == 1 and depth < 8:
        yield " reversed", Form(photometric, depth, order, reversed_bits=True, **plain)
    if photometric == 2 and not extra and depth == 8 and order == ">":
        for orientation in range(2, 9):
            yield f" turned {orientation}", Form(photometric, depth, order, orientation=orientation)
