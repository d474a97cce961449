"""TIFF: tags, strips and tiles are bounded; a tile is decoded whole, however large it is."""

from __future__ import annotations

import math

from pictures.errors import ImageTooComplex
from pictures.headers.reading import CutOff, one, unpacked
from pictures.picture import PictureHeader

LIMIT_TAGS = 256
LIMIT_PIECES = 100_000
"""Strips or tiles; each is an object in Pillow."""
_SMALLEST_TILE_LIMIT = 1024 * 1024
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
                16: 8, 17: 8, 18: 8}  # fmt: skip
_FORMS = {1: "B", 3: "H", 4: "I", 16: "Q"}
_WIDTH, _HEIGHT, _BITS, _SAMPLES = 256, 257, 258, 277
_STRIPS, _TILE_WIDTH, _TILE_HEIGHT, _TILES = 273, 322, 323, 324


def read(data: bytes | bytearray) -> PictureHeader:
    """Return the header; raises CutOff, ImageTooComplex."""
    order = "<" if data[:2] == b"II" else ">"
    values, counts = _Directory(data, order, big=data[2:3] == b"+" or data[3:4] == b"+").read()
    width, height = values.get(_WIDTH, 0), values.get(_HEIGHT, 0)
    if max(counts.get(_STRIPS, 0), counts.get(_TILES, 0)) > LIMIT_PIECES:
        raise ImageTooComplex(f"it has more than {LIMIT_PIECES} strips or tiles")
    bits = values.get(_BITS, 1) * values.get(_SAMPLES, 1)
    _check_tile(values, width, height)
    return PictureHeader("TIFF", width, height, _bytes_per_pixel(bits))


def _check_tile(values: dict[int, int], width: int, height: int) -> None:
    tile_pixels = values.get(_TILE_WIDTH, 0) * values.get(_TILE_HEIGHT, 0)
    if tile_pixels > max(_SMALLEST_TILE_LIMIT, width * height):
        raise ImageTooComplex(f"one of its tiles has {tile_pixels} pixels, more than the picture")


def _bytes_per_pixel(bits: int) -> int:
    """Return the strip or tile as stored, the pixels, and their RGB or their turned copy."""
    return math.ceil(bits / 8) + 8


class _Directory:
    """The first directory of a TIFF or a BigTIFF."""

    def __init__(self, data: bytes | bytearray, order: str, big: bool) -> None:
        self._data = data
        self._order = order
        self._big = big

    def read(self) -> tuple[dict[int, int], dict[int, int]]:
        """Return each tag's first value, where it is a whole number, and how many it has."""
        word = "Q" if self._big else "I"
        start = self._one(word, 8 if self._big else 4)
        entries = self._one("Q" if self._big else "H", start)
        if entries > LIMIT_TAGS:
            raise ImageTooComplex(f"it has more than {LIMIT_TAGS} tags")
        at = start + (8 if self._big else 2)
        values: dict[int, int] = {}
        counts: dict[int, int] = {}
        total_bytes = 0
        for entry in range(at, at + entries * (20 if self._big else 12), 20 if self._big else 12):
            tag, kind, count = unpacked(self._order + "HH" + word, self._data, entry)
            value_bytes = count * _VALUE_BYTES.get(kind, 1)
            total_bytes += value_bytes
            counts[tag] = count
            if kind in _FORMS and count and tag not in values:
                values[tag] = self._first(entry, word, kind, value_bytes)
        if total_bytes > len(self._data):
            raise CutOff
        return values, counts

    def _first(self, entry: int, word: str, kind: int, value_bytes: int) -> int:
        field = entry + (12 if self._big else 8)
        place = field if value_bytes <= (8 if self._big else 4) else self._one(word, field)
        try:
            return self._one(_FORMS[kind], place)
        except CutOff:
            return 0  # the values of other tags may lie outside; decoding says what is wrong

    def _one(self, form: str, at: int) -> int:
        return one(self._order + form, self._data, at)
