"""Tensors of the protocol: checked against their shape before anything is made of them. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from server.errors import InvalidFields
from server.requests.json_scan import JsonString

Datatype = Literal["BYTES", "BOOL", "INT64", "FP32"]
MOST_ELEMENTS = 32
MOST_DIMENSIONS = 4
_DTYPES = {"BOOL": np.dtype("?"), "INT64": np.dtype("<i8"), "FP32": np.dtype("<f4")}
_LENGTH = struct.Struct("<I")
Element = bytes | bytearray | str | JsonString
"""Of an input: bytes as they are, a text, or a JSON string whose base64 is not undone yet."""


@dataclass(frozen=True)
class InputTensor:
    """An input: its name and its elements, flat."""

    name: str
    elements: tuple[Element, ...]


@dataclass(frozen=True)
class OutputTensor:
    """An output: its values flat, in the order of the shape."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    values: tuple[Any, ...]

    def raw(self) -> bytes:
        """Return its values as the protocol's binary tensors have them."""
        if self.datatype != "BYTES":
            return np.asarray(self.values, _DTYPES[self.datatype]).tobytes()
        return packed(str(value).encode() for value in self.values)


def packed(elements: Iterable[bytes]) -> bytes:
    """Return the elements of a BYTES tensor as binary tensors have them: each behind its length."""
    return b"".join(part for each in elements for part in (_LENGTH.pack(len(each)), each))


def checked_input(
    name: str, datatype: str, shape: Sequence[int], elements: Sequence[Element]
) -> InputTensor:
    """Return an input whose elements are as many as its shape says.

    Raises:
        InvalidFields: its type or shape is not taken, or does not hold its elements.
    """
    place = f"inputs.{name[:60]}"
    if datatype != "BYTES":
        raise InvalidFields.one(place, f"datatype {datatype[:20]!r} is not taken; send BYTES")
    good = 1 <= len(shape) <= MOST_DIMENSIONS and all(1 <= each <= MOST_ELEMENTS for each in shape)
    if not good or math.prod(shape) > MOST_ELEMENTS:
        raise InvalidFields.one(
            f"{place}.shape",
            f"has 1 to {MOST_DIMENSIONS} dimensions and 1 to {MOST_ELEMENTS} elements",
        )
    if len(elements) != math.prod(shape):
        raise InvalidFields.one(
            f"{place}.data", f"has {len(elements)} elements, the shape {math.prod(shape)}"
        )
    return InputTensor(name, tuple(elements))


def raw_elements(name: str, data: memoryview) -> tuple[bytes, ...]:
    """Return the elements of a binary BYTES tensor: each behind its length, 4 bytes, little-endian.

    Raises:
        InvalidFields: they do not end where the data does, or there are too many.
    """
    place, at = f"inputs.{name[:60]}.data", 0
    found: list[bytes] = []
    while at < len(data):
        if at + _LENGTH.size > len(data):
            raise InvalidFields.one(place, "ends within the length of an element")
        (size,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        if at + size > len(data):
            raise InvalidFields.one(place, "ends within an element")
        if len(found) == MOST_ELEMENTS:
            raise InvalidFields.one(place, f"has more than {MOST_ELEMENTS} elements")
        found.append(bytes(data[at : at + size]))
        at += size
    return tuple(found)


def flat(data: Sequence[Any]) -> Iterator[Any]:
    """Yield what a nested list holds; the scan before bounds its depth."""
    for each in data:
        if isinstance(each, list):
            yield from flat(each)
        else:
            yield each
