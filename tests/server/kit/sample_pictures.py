"""Pictures of every kind a client may send, drawn deterministically."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

RED = (220, 30, 30)


def encoded(image: Image.Image, fmt: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()


def solid(mode: str = "RGB", size: tuple[int, int] = (40, 24), color: Any = RED) -> Image.Image:
    return Image.new(mode, size, color)


def jpeg() -> bytes:
    return encoded(solid(), "JPEG", quality=95)


def png() -> bytes:
    return encoded(solid())


def noisy(fmt: str = "PNG", size: tuple[int, int] = (96, 64), **options: Any) -> bytes:
    """Return a picture whose data is long enough that cutting it off matters."""
    samples = np.random.default_rng(7).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return encoded(Image.fromarray(samples), fmt, **options)


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that announces a size and holds almost no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def gif_screen(width: int, height: int) -> bytes:
    """Return a small GIF that announces a larger screen."""
    small = encoded(solid(), "GIF")
    return small[:6] + struct.pack("<HH", width, height) + small[10:]


def bmp_header(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def png_16bit_gray(value: int) -> bytes:
    return encoded(Image.fromarray(np.full((24, 40), value, np.uint16)))


def animation(fmt: str) -> bytes:
    """Return a red frame followed by blue ones."""
    frames = [solid(color=(30, 30, 220)) for _ in range(2)]
    return encoded(solid(), fmt, save_all=True, append_images=frames)
