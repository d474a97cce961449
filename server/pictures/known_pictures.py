"""Decoded pictures, kept so that the next question about one need not decode it again."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.telemetry import Telemetry

SLICE_BYTES = 64 * 2**10
"""What is hashed before the event loop goes on with other things."""

_ENTRY_BYTES = 512
"""Of an entry, beside its pixels."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class PictureKey:
    """What a decoded picture is known by.

    Attributes:
        tenant: whose it is: the name of an API key; "" where none are configured. What one sends
            can not be seen, not even by its time, in what another gets.
        sha256: of the bytes of its file.
        side_px: of its decoded pixels.
    """

    tenant: str
    sha256: bytes
    side_px: int


class KnownPictures:
    """Keeps the pixels of the pictures that were asked about last. Used from the event loop only.

    Args:
        limit_bytes: of all that is kept; 0 keeps nothing.
        telemetry: counts hits, misses and bytes.
    """

    def __init__(self, limit_bytes: int, telemetry: Telemetry) -> None:
        self._limit_bytes = limit_bytes
        self._telemetry = telemetry
        self._kept: OrderedDict[PictureKey, Pixels] = OrderedDict()
        self.held_bytes = 0
        telemetry.watch_kept_pictures(lambda: self.held_bytes)

    async def key(self, tenant: str, data: bytes | bytearray, side_px: int) -> PictureKey | None:
        """Return what a picture is known by; None if nothing is kept."""
        if not self._limit_bytes:
            return None
        digest, view = hashlib.sha256(), memoryview(data)
        for start in range(0, len(view), SLICE_BYTES):
            if start:
                await asyncio.sleep(0)
            digest.update(view[start : start + SLICE_BYTES])
        return PictureKey(tenant, digest.digest(), side_px)

    def find(self, key: PictureKey | None) -> Pixels | None:
        """Return a picture's pixels, uint8 [S, S, 3], not to be written to; None: not known."""
        if key is None:
            return None
        pixels = self._kept.get(key)
        if pixels is not None:
            self._kept.move_to_end(key)
        self._telemetry.picture_looked_up(known=pixels is not None)
        return pixels

    def keep(self, key: PictureKey | None, pixels: Pixels) -> None:
        """Keep a picture; those that were not asked about for longest go, if there is no room."""
        size_bytes = pixels.nbytes + _ENTRY_BYTES
        if key is None or key in self._kept or size_bytes > self._limit_bytes:
            return
        pixels = np.ascontiguousarray(pixels)
        pixels.flags.writeable = False
        self._kept[key] = pixels
        self.held_bytes += size_bytes
        while self.held_bytes > self._limit_bytes:
            _, oldest = self._kept.popitem(last=False)
            self.held_bytes -= oldest.nbytes + _ENTRY_BYTES
