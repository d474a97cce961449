"""Arrays that pass from stage to stage: NumPy's, or a device's own (ADR 0023)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NoReturn, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
Index: TypeAlias = "int | slice | tuple[int | slice, ...]"
"""Integers, and slices without a step; fewer than there are axes leave the last ones whole."""


class DeviceArray(ABC):
    """An array in a backend's memory. Its parts are views; the host reads it only by `read`.

    The device works in the order of the calls, those of stages included. NumPy refuses to take it
    for an array. Not thread-safe.
    """

    __array_ufunc__ = None

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Return its shape."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """Return its dtype."""

    @property
    @abstractmethod
    def contiguous(self) -> bool:
        """Tell whether its numbers lie one after the other, the last axis first."""

    @abstractmethod
    def overlaps(self, other: DeviceArray) -> bool:
        """Tell whether writing to one of the two may change the other."""

    @abstractmethod
    def __getitem__(self, index: Index) -> Self:
        """Return a part of it that shares its memory."""

    @abstractmethod
    def __setitem__(self, index: Index, value: AnyArray | float) -> None:
        """Copy an array of the part's shape and dtype into it, or zeros.

        A NumPy array may be changed as soon as this returns. Source and part must not overlap.

        Raises:
            ValueError: if shape or dtype differ, or the number is not 0.
        """

    @abstractmethod
    def like(self, shape: Sequence[int]) -> Self:
        """Return a new contiguous array of its dtype, in its memory; what it holds is undefined."""

    @abstractmethod
    def read(self) -> Array:
        """Return its numbers as a new NumPy array; waits for the device."""

    def __len__(self) -> int:
        return self.shape[0]

    def copy(self) -> Self:
        """Return a copy, in the same memory."""
        made = self.like(self.shape)
        made[()] = self
        return made

    def __array__(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("this array is on the device: read() it")


AnyArray: TypeAlias = "Array | DeviceArray"


class Memory(Protocol):
    """Where a backend's stages read and write without copies."""

    @property
    def on_host(self) -> bool:
        """Tell whether its arrays are NumPy's."""
        ...

    def zeros(self, shape: Sequence[int], dtype: DTypeLike) -> AnyArray:
        """Return a new array of zeros.

        Raises:
            LoadFailed: if too little memory is left.
        """
        ...

    def held_bytes(self) -> int:
        """Return the bytes that the backend holds outside the process's resident set."""
        ...


class HostMemory:
    """The process's own memory: NumPy arrays, whose pages are taken when they are touched."""

    on_host = True

    def zeros(self, shape: Sequence[int], dtype: DTypeLike) -> Array:
        """Return a new array of zeros."""
        return np.zeros(shape, dtype)

    def held_bytes(self) -> int:
        """Return 0."""
        return 0


HOST = HostMemory()


def stack(arrays: Sequence[AnyArray]) -> AnyArray:
    """Return arrays of one memory and one shape along a new first axis."""
    first = arrays[0]
    if not isinstance(first, DeviceArray):
        return np.stack(arrays)
    made = first.like((len(arrays), *first.shape))
    for index, array in enumerate(arrays):
        made[index] = array
    return made


def takes_outputs(array: AnyArray) -> bool:
    """Tell whether a library can write straight into an array."""
    if isinstance(array, DeviceArray):
        return array.contiguous
    return array.flags.c_contiguous and array.flags.writeable


def may_overlap(one: AnyArray, other: AnyArray) -> bool:
    """Tell whether writing to one may change the other; arrays of two memories never overlap."""
    if isinstance(one, DeviceArray):
        return isinstance(other, DeviceArray) and one.overlaps(other)
    return not isinstance(other, DeviceArray) and np.may_share_memory(one, other)


def put_rows(target: AnyArray, rows: Sequence[int], source: AnyArray) -> None:
    """Copy these rows of one array to the same rows of another, both of one memory."""
    if isinstance(target, np.ndarray) and isinstance(source, np.ndarray):
        target[rows] = source[rows]
        return
    for begin, end in runs(rows):
        part = slice(rows[begin], rows[end - 1] + 1)
        target[part] = source[part]


def move_rows(
    array: AnyArray, into: Sequence[int], source: Sequence[int], part: tuple[slice, ...] = ()
) -> None:
    """Copy rows of an array, or the same part of each, to other rows of it.

    All are read before the first is written, so rows may change places.

    Args:
        array: rows first.
        into: the rows that are written.
        source: the row that each is copied from.
        part: of every row; all of it if empty.
    """
    if isinstance(array, np.ndarray):
        there: tuple[Any, ...] = (into, *part)
        here: tuple[Any, ...] = (source, *part)
        array[there] = array[here]
        return
    copies = {row: array[(row, *part)].copy() for row in source}
    for row, of in zip(into, source, strict=True):
        array[(row, *part)] = copies[of]


def runs(rows: Sequence[int], labels: Array | None = None) -> Iterator[tuple[int, int]]:
    """Yield (begin, end) of each stretch of `rows` that counts up by one under one label."""
    breaks = [
        place
        for place, (row, following) in enumerate(pairwise(rows), 1)
        if following != row + 1 or (labels is not None and labels[place] != labels[place - 1])
    ]
    yield from pairwise((0, *breaks, len(rows)) if rows else ())
