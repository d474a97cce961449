"""Text, profiles and animations of a PNG are never unpacked; damaged pixels stay damaged."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from pictures.errors import ImageUnreadable
from pictures.headers import read_header
from pictures.images import decode_rgb
from pictures.png_chunks import png_pixels
from tests.server.kit.picture_files import png
from tests.server.kit.picture_files.scene import samples

LIMIT = 10_000
_MUCH = zlib.compress(bytes((1 << 20) + 1))
IDLE = {
    "text": png.chunk(b"tEXt", b"prompt\0" + b"a" * 3_000_000),
    "compressed text": png.chunk(b"zTXt", b"prompt\0\0" + _MUCH),
    "text of all languages": png.chunk(b"iTXt", b"workflow\0\1\0\0\0" + _MUCH),
    "profile": png.chunk(b"iCCP", b"profile\0\0" + _MUCH),
    "damaged profile": png.chunk(b"iCCP", b"profile\0\0" + b"x" * 99),
    "text without end": png.chunk(b"zTXt", b"prompt" * 200),
    "wrong checksum": png.chunk(b"tEXt", b"a\0b")[:-1] + b"?",
    "frames of none": png.chunk(b"acTL", b"\xff" * 8) + png.chunk(b"fcTL", b"?" * 26),
    "size in no unit": png.chunk(b"pHYs", b""),
}
_PIXELS = samples("chunks", 3, 8)


@pytest.mark.parametrize("name", IDLE)
def test_a_chunk_about_no_pixel_changes_none(name: str) -> None:
    data = png.file(_PIXELS, 2, 8, IDLE[name])
    read_header(data, LIMIT)
    assert (np.asarray(decode_rgb(data, LIMIT)) == _PIXELS).all()


def test_what_stands_between_the_pixels_is_passed_over() -> None:
    whole = png.file(_PIXELS, 2, 8)
    start, end = whole.index(b"IDAT") - 4, whole.index(b"IEND") - 4
    pixels = whole[start + 8 : end - 4]
    parts = png.chunk(b"IDAT", pixels[:99]), png.chunk(b"IDAT", pixels[99:])
    data = whole[:start] + IDLE["compressed text"].join(parts) + whole[end:]
    assert (np.asarray(decode_rgb(data, LIMIT)) == _PIXELS).all()


def test_damaged_pixels_are_refused_still() -> None:
    whole = bytearray(png.file(_PIXELS, 2, 8, IDLE["text"]))
    whole[whole.index(b"IDAT") + 40] ^= 0xFF
    with pytest.raises(ImageUnreadable):
        decode_rgb(whole, LIMIT)


@pytest.mark.parametrize("size", [0, 1, 5, 7])
def test_a_transparent_colour_of_another_size_is_none(size: int) -> None:
    data = png.file(_PIXELS, 2, 8, png.chunk(b"tRNS", bytes(size)))
    assert png_pixels(data).key == ()
    assert (np.asarray(decode_rgb(data, LIMIT)) == _PIXELS).all()


def test_bits_beyond_the_depth_say_nothing() -> None:
    pixels = np.full((4, 4, 1), 3, np.int64)
    data = png.file(pixels, 0, 4, png.chunk(b"tRNS", b"\xff\x03"))
    assert png_pixels(data).key == (3,)
    assert np.asarray(decode_rgb(data, LIMIT)).min() == 255
