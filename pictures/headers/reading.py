"""Numbers out of a header."""

from __future__ import annotations

import struct


class CutOff(Exception):
    """The header ends before what it announces."""


def unpacked(form: str, data: bytes | bytearray, at: int) -> tuple[int, ...]:
    """Return the numbers of a struct format that stand at a place.

    Raises:
        CutOff: the data ends before them.
    """
    if at < 0 or at + struct.calcsize(form) > len(data):
        raise CutOff
    return struct.unpack_from(form, data, at)


def one(form: str, data: bytes | bytearray, at: int) -> int:
    """Return one number, as `unpacked`."""
    return unpacked(form, data, at)[0]
