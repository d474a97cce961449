"""Headers are read in bounded time, agree with Pillow, and refuse what costs out of proportion."""

from __future__ import annotations

import io
import random
import re
import struct
import time

import pytest
from PIL import Image

from loadtests.siege.attackers import pictures as bombs
from pictures.errors import ImageError, ImageTooComplex, ImageTooManyBytes, ImageUnreadable
from pictures.headers import bmp, gif, jpeg, png, read_header, webp
from pictures.images import decode_rgb
from tests.server.kit import sample_pictures
from tests.server.kit.sample_pictures import encoded, solid

pytestmark = pytest.mark.filterwarnings("ignore::Warning:PIL")
LIMIT = 40_000_000


@pytest.mark.parametrize("name", bombs.REFUSED_UNDECODED)
def test_a_bomb_is_refused_from_its_header(name: str) -> None:
    data = bombs.REFUSED_UNDECODED[name]()
    started_s = time.process_time()
    with pytest.raises(ImageUnreadable) as caught:
        read_header(data, LIMIT)
    assert time.process_time() - started_s < 0.25
    assert "0x" not in str(caught.value)


def pillows(data: bytes) -> tuple[str | None, int, int]:
    with Image.open(io.BytesIO(data)) as image:
        return image.format, image.width, image.height


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("size", [(1, 1), (3, 700), (1000, 2), (257, 255)])
def test_size_and_format_are_pillows(fmt: str, size: tuple[int, int]) -> None:
    for data in variants(fmt, size):
        header = read_header(data, LIMIT)
        assert (header.format, header.width, header.height) == pillows(data)


def variants(fmt: str, size: tuple[int, int]) -> list[bytes]:
    plain = [sample_pictures.noisy(fmt, size), encoded(solid("L", size, 90), fmt)]
    if fmt == "JPEG":
        plain.append(sample_pictures.noisy(fmt, size, progressive=True, comment=b"\xff\xda" * 9))
    if fmt == "WEBP":
        plain.append(sample_pictures.noisy(fmt, size, lossless=True))
        plain.append(sample_pictures.noisy(fmt, size, exif=b"Exif\0\0x", icc_profile=b"x" * 300))
    if fmt == "TIFF":
        plain.append(sample_pictures.noisy(fmt, size, compression="tiff_lzw", big_tiff=True))
        plain.append(encoded(solid("CMYK", size, 9), fmt, compression="jpeg"))
    return plain


def test_a_frame_beyond_a_gifs_screen_counts() -> None:
    data = sample_pictures.gif_screen(5, 5)
    assert pillows(data) == ("GIF", 40, 24)
    assert (read_header(data, LIMIT).width, read_header(data, LIMIT).height) == (40, 24)
    with pytest.raises(ImageError):
        read_header(data, 40 * 24 - 1)


def test_scans_are_counted_as_passes() -> None:
    data = sample_pictures.noisy("JPEG", (64, 64), progressive=True)
    assert read_header(data, LIMIT).passes == data.count(b"\xff\xda") > 5
    assert read_header(sample_pictures.noisy("JPEG"), LIMIT).passes == 1


def test_a_scan_cannot_hide_behind_a_comment_that_ends_the_picture() -> None:
    data = bombs.jpeg_scans(64, 64, jpeg.LIMIT_SCANS + 1)
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    hidden = data[:second] + bombs.jpeg_segment(0xFE, b"\xff\xd9" * 4) + data[second:]
    with pytest.raises(ImageTooComplex, match="scans"):
        read_header(hidden, LIMIT)


def zlib_texts(count: int) -> bytes:
    return bombs.png(4, 8, 0, bombs.png_chunk(b"zTXt", b"a\0\0x\x9c\x03\0\0\0\0\x01") * count)


def jpeg_with(segments: bytes) -> bytes:
    whole = sample_pictures.jpeg()
    return whole[:2] + segments + whole[2:]


AT_LIMIT = {
    "scans": (lambda more: bombs.jpeg_scans(16, 16, jpeg.LIMIT_SCANS + more)),
    "exif segments": (
        lambda more: jpeg_with(
            bombs.jpeg_segment(0xE1, b"Exif\0\0") * (jpeg.LIMIT_EXIF_SEGMENTS + more)
        )
    ),
    "compressed chunks": (lambda more: zlib_texts(png.LIMIT_COMPRESSED_CHUNKS + more)),
    "png chunks": (
        # beside these a PNG has its header, its pixels and its end
        lambda more: bombs.png(
            4, 8, 0, bombs.png_chunk(b"abCd", b"") * (png.LIMIT_CHUNKS - 3 + more)
        )
    ),
    "run lengths": (lambda more: bombs.bmp_runs(bmp.LIMIT_RUN_LENGTH_PIXELS // 1000, 1000 + more)),
    "gif blocks": (lambda more: gif_with_comments(gif.LIMIT_BLOCKS - 3 + more)),
    "webp chunks": (lambda more: webp_with(webp.LIMIT_CHUNKS - 2 + more)),
}


def gif_with_comments(count: int) -> bytes:
    whole = encoded(solid(), "GIF")
    first_frame = 13 + (3 << (whole[10] & 7) + 1)
    comment = b"\x21\xfe" + b"\x01x" * count + b"\0"
    return whole[:first_frame] + comment + whole[first_frame:]


def webp_with(count: int) -> bytes:
    whole = encoded(solid(), "WEBP") + (b"abcd" + struct.pack("<I", 0)) * count
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]


@pytest.mark.parametrize("name", AT_LIMIT)
def test_a_picture_at_a_limit_passes_and_one_beyond_does_not(name: str) -> None:
    make = AT_LIMIT[name]
    header = read_header(make(0), LIMIT)
    assert decode_rgb(make(0), LIMIT).size == (header.width, header.height)
    with pytest.raises(ImageTooComplex):
        read_header(make(1), LIMIT)


def test_memory_is_bounded_by_the_pixels_a_picture_may_have() -> None:
    deep = encoded(Image.new("RGB", (100, 100)), "TIFF").replace(
        b"\x08\0\x08\0\x08\0", b"\x40\0" * 3
    )
    with pytest.raises(ImageTooManyBytes, match="scale it down"):
        read_header(deep, 100 * 100)


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_no_part_of_a_header_is_another_error(fmt: str) -> None:
    whole = sample_pictures.noisy(fmt, (32, 24))
    for end in range(min(len(whole), 700)):
        try:
            read_header(whole[:end], LIMIT)
        except ImageError:
            continue


ALPHABETS = [b"\xff", b"\xff\x00", b"\xff\xd0", b"\xff\xd9\xd7", b"\x00a"]


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("size", [0, 1, 2, 1023, 1024, 1025, 1026, 66_000, 140_000])
def test_markers_are_where_a_plain_pattern_finds_them(alphabet: bytes, size: int) -> None:
    rng = random.Random(size)
    data = bytearray(rng.choices(alphabet, k=size))
    for end in (size, size // 2):
        for _ in range(4):
            for pattern, markers in (
                (rb"\xff[^\x00\xff]", jpeg._MARKERS),
                (rb"\xff[^\x00\xd0-\xd7\xff]", jpeg._MARKERS_IN_SCAN),
            ):
                at = rng.randrange(end + 1)
                found = re.compile(pattern).search(data, at, end)
                assert markers.find(data, at, end) == (found and found.start())
            if size > 1:
                place = rng.randrange(size - 1)
                data[place : place + 2] = b"\xff" + bytes(rng.choices(b"\xd9\xda\n]^-\\", k=1))
