"""What the files show: a gradient with noise, a little different in each file."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int64]
WIDTH, HEIGHT = 21, 13
"""Odd, so that rows of less than 8 bits a sample end inside a byte."""


def samples(
    name: str, channels: int, depth: int, width: int = WIDTH, height: int = HEIGHT
) -> Samples:
    """Return samples [height, width, channels] of `depth` bits; the name seeds them."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    top = (1 << depth) - 1
    rows, columns = np.mgrid[0:height, 0:width]
    slopes = [columns / width, rows / height, 1 - columns / width, 0.2 + 0.8 * rows / height]
    shares = np.stack([slopes[channel % 4] for channel in range(channels)], axis=-1)
    noisy = shares * top + rng.normal(0, top / 12, shares.shape)
    return np.clip(np.rint(noisy), 0, top).astype(np.int64)


def packed(row: NDArray[np.int64], depth: int, order: str = ">") -> bytes:
    """Return one row of samples as bytes, the first sample in the highest bits."""
    flat = row.reshape(-1)
    if depth == 8:
        return flat.astype(np.uint8).tobytes()
    if depth > 8 and depth % 8 == 0:
        return flat.astype(f"{order}u{depth // 8}").tobytes()
    bits = (flat[:, None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.reshape(-1).astype(np.uint8)).tobytes()


def palette(colours: int, seed: int = 5) -> NDArray[np.uint8]:
    """Return colours [colours, 3] without order."""
    return np.random.default_rng(seed).integers(0, 256, (colours, 3)).astype(np.uint8)
