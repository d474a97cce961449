"""Orientation is read by itself, whatever else Exif data hold."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from loadtests.siege.attackers.pictures import jpeg_segment
from pictures.images import decode_rgb, prepare_decoders
from pictures.orientation import orientation_of
from tests.server.kit.picture_files import png
from tests.server.kit.picture_files.tiff import Form, file
from tests.server.kit.sample_pictures import encoded

pytestmark = pytest.mark.filterwarnings("ignore::Warning:PIL")
_Entry = tuple[int, int, int, bytes]
ODD_ENTRIES: dict[str, _Entry] = {
    "resolution is text": (282, 2, 3, b"72\0\0"),
    "resolution is no number": (282, 11, 1, struct.pack("<f", float("nan"))),
    "resolution unit is too large": (296, 4, 1, struct.pack("<I", 1 << 20)),
    "date is a fraction": (306, 5, 1, struct.pack("<I", 8)),
    "artist is numbers": (315, 11, 2, struct.pack("<I", 8)),
    "width is a fraction": (256, 5, 1, struct.pack("<I", 8)),
    "offset beyond the end": (271, 2, 1000, struct.pack("<I", 1 << 30)),
    "unknown type": (272, 99, 7, b"\xff" * 4),
    "a directory that is none": (34665, 4, 1, struct.pack("<I", 3)),
}


def exif(*entries: _Entry, order: str = "<") -> bytes:
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    body = b"".join(struct.pack(order + "HHI", *entry[:3]) + entry[3] for entry in entries)
    return head + body + b"\0\0\0\0"


def turned(value: int, kind: int = 3, order: str = "<") -> _Entry:
    form = {1: "B", 3: "H", 4: "I"}[kind]
    return (0x0112, kind, 1, struct.pack(order + form, value).ljust(4, b"\0"))


def wide() -> Image.Image:
    return Image.fromarray(np.zeros((24, 40, 3), np.uint8))


@pytest.mark.parametrize("kind", [1, 3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_whole_number_is_read(kind: int, order: str) -> None:
    assert orientation_of(exif(turned(6, kind, order), order=order)) == 6
    assert orientation_of(b"Exif\0\0" + exif(turned(8, kind, order), order=order)) == 8


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_other_numbers_turn_nothing(value: int) -> None:
    assert orientation_of(exif(turned(value))) == 1


def test_cut_off_data_turn_nothing_and_raise_nothing() -> None:
    whole = exif((271, 2, 4, b"abc\0"), turned(6))
    for end in range(len(whole) - 8):
        assert orientation_of(whole[:end]) == 1
    assert orientation_of(b"II*\0\xff\xff\xff\xff" + whole[8:]) == 1


@pytest.mark.parametrize("name", ODD_ENTRIES)
@pytest.mark.parametrize("first", [True, False])
def test_an_odd_entry_spoils_no_other(name: str, first: bool) -> None:
    entries = (ODD_ENTRIES[name], turned(6)) if first else (turned(6), ODD_ENTRIES[name])
    plain = encoded(wide(), "JPEG")
    jpeg = plain[:2] + jpeg_segment(0xE1, b"Exif\0\0" + exif(*entries)) + plain[2:]
    assert decode_rgb(jpeg, 10_000).size == (24, 40)
    pixels = np.zeros((24, 40, 3), np.int64)
    in_png = png.file(pixels, 2, 8, png.chunk(b"eXIf", exif(*entries)))
    assert decode_rgb(in_png, 10_000).size == (24, 40)
    webp = encoded(wide(), "WEBP", exif=b"Exif\0\0" + exif(*entries))
    assert decode_rgb(webp, 10_000).size == (24, 40)


@pytest.mark.parametrize("name", ["date is a fraction", "artist is numbers", "resolution is text"])
def test_an_odd_tag_of_a_tiff_spoils_no_turn(name: str) -> None:
    prepare_decoders()
    tag, kind, _, _ = ODD_ENTRIES[name]
    pixels = np.zeros((24, 40, 3), np.int64)
    odd = [(tag, 3 if kind != 2 else 4, [7])]
    assert decode_rgb(file(pixels, Form(2, 8, orientation=6), odd), 10_000).size == (24, 40)
