"""JPEG: segments are bounded, and in progressive pictures scans, each of which is a whole pass."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from pictures.errors import ImageTooComplex, ImageUnreadable
from pictures.headers.reading import CutOff, one, unpacked
from pictures.picture import PictureHeader

LIMIT_SEGMENTS = 1000
"""20 MiB hold 320 full ones; Pillow copies all Exif segments again for each one."""
LIMIT_EXIF_SEGMENTS = 32
LIMIT_SCANS = 100
"""Encoders write up to about 15; libjpeg-turbo's own fuzzers stop at 500."""
_LIMIT_JUNK_BYTES = 65_536
_SLICE_BYTES = 65_536
_BEGIN, _EOI, _SOS, _APP1 = 0xFF, 0xD9, 0xDA, 0xE1
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_NEAR_BYTES = 256
"""So far a pattern is faster than arrays; further on it is slow where it almost matches."""


class _Markers:
    """A set of markers, and how they are found."""

    def __init__(self, without: Iterable[int]) -> None:
        self._kinds = np.ones(256, bool)
        self._kinds[[*without]] = False
        others = b"".join(re.escape(bytes([each])) for each in without)
        self._pattern = re.compile(rb"\xff[^" + others + rb"]", re.DOTALL)

    def find(self, data: bytes | bytearray, at: int, end: int) -> int | None:
        """Return where the first one between two places begins."""
        found = self._pattern.search(data, at, min(end, at + _NEAR_BYTES))
        if found is not None:
            return found.start()
        at += _NEAR_BYTES - 1
        while at + 1 < end:
            piece = np.frombuffer(data, np.uint8, min(_SLICE_BYTES, end - at), at)
            begins = np.flatnonzero(piece[:-1] == _BEGIN)  # few, as a rule
            hits = self._kinds[piece[begins + 1]]
            if hits.any():
                return at + int(begins[hits.argmax()])
            at += len(piece) - 1
        return None


_MARKERS = _Markers((0, _BEGIN))
_MARKERS_IN_SCAN = _Markers((0, *range(0xD0, 0xD8), _BEGIN))


def read(data: bytes | bytearray) -> PictureHeader:
    """Return the header; raises CutOff, ImageTooComplex, ImageUnreadable."""
    size, passes, exif = None, 0, 0
    at = 2
    for _ in range(LIMIT_SEGMENTS):
        kind, at = _next_marker(data, at)
        if kind == _EOI:
            break
        if kind in _ALONE:
            continue
        length = one(">H", data, at)
        if kind in _SIZES and size is None:
            size = unpacked(">BHHB", data, at + 2)
        exif += kind == _APP1 and data[at + 2 : at + 8] == b"Exif\0\0"
        if exif > LIMIT_EXIF_SEGMENTS:
            raise ImageTooComplex(f"it has more than {LIMIT_EXIF_SEGMENTS} Exif segments")
        at += max(2, length)
        if kind == _SOS:
            passes += 1
            if passes > LIMIT_SCANS:
                raise ImageTooComplex(f"it has more than {LIMIT_SCANS} scans")
            at = _after_scan(data, at)
        if at >= len(data):
            break
    else:
        raise ImageTooComplex(f"it has more than {LIMIT_SEGMENTS} segments")
    if size is None:
        raise ImageUnreadable("it gives no size before its pixels")
    _, height, width, channels = size
    return PictureHeader("JPEG", width, height, _bytes_per_pixel(channels, passes), max(1, passes))


def _bytes_per_pixel(channels: int, passes: int) -> int:
    """Return the pixels and their RGB, and the coefficients that several scans are kept in."""
    pixels = 12 if channels == 4 else 8  # CMYK is converted; turning upright makes a copy
    return min(16, pixels + (2 * channels if passes > 1 else 0))


def _next_marker(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """Return the next marker and the place behind it; what stands before it is skipped."""
    found = _MARKERS.find(data, at, min(len(data), at + _LIMIT_JUNK_BYTES))
    if found is None:
        raise CutOff
    return data[found + 1], found + 2


def _after_scan(data: bytes | bytearray, at: int) -> int:
    """Return where the coded pixels of a scan end: at the next marker, or at the end."""
    found = _MARKERS_IN_SCAN.find(data, at, len(data))
    return len(data) if found is None else found
