"""Which way up a picture is, by its Exif data.

Pillow reads every entry and gives up at the first odd one; browsers look for this one only, and so
does this server.
"""

from __future__ import annotations

import struct

from PIL import Image

_TAG = 0x0112
_HEAD = b"Exif\0\0"
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_FORMS = {1: "B", 3: "H", 4: "I"}
_ENTRY_BYTES = 12
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image, exif: bytes) -> Image.Image:
    """Return a picture turned as its Exif data says; where these are damaged, as it is stored."""
    turn = _TURNS.get(orientation_of(exif))
    return image if turn is None else image.transpose(turn)


def orientation_of(exif: bytes) -> int:
    """Return the orientation, 1 to 8, that the first directory of Exif data gives; else 1."""
    block = exif.removeprefix(_HEAD)
    order = _ORDERS.get(block[:4])
    if order is None:
        return 1
    try:
        return _in_directory(block, order)
    except struct.error:  # it is cut off
        return 1


def _in_directory(block: bytes, order: str) -> int:
    (start,) = struct.unpack_from(order + "I", block, 4)
    (entries,) = struct.unpack_from(order + "H", block, start)
    for at in range(start + 2, start + 2 + entries * _ENTRY_BYTES, _ENTRY_BYTES):
        tag, kind, count = struct.unpack_from(order + "HHI", block, at)
        if tag == _TAG and kind in _FORMS and count == 1:
            (value,) = struct.unpack_from(order + _FORMS[kind], block, at + 8)
            return int(value) if value in _TURNS else 1
    return 1
