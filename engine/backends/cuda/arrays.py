"""Device arrays in CUDA memory: cut by arithmetic, moved by copies (ADR 0023)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from math import prod
from operator import index as as_integer
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from engine.backends.arrays import AnyArray, Array, DeviceArray, Index
from engine.backends.cuda.runtime import Copy, Cuda, CudaError, Pointer
from engine.errors import LoadFailed

_SMALL_BYTES = 512
_KEPT_BYTES = 1 << 26
"""Freed allocations up to this size are kept for the next array of their size."""

Side = tuple[int, int, int]
"""An axis: how many, and bytes from one to the next in the target and in the source."""


def rows_of(
    shape: Sequence[int], target: Sequence[int], source: Sequence[int], item_bytes: int
) -> Iterator[tuple[int, int, int, int, int, int]]:
    """Yield the copies that move an array of this shape between two layouts (strides in bytes).

    Each is (target offset, source offset, width, height, target pitch, source pitch), in bytes but
    the height. Axes that lie one after the other on both sides become one.
    """
    if 0 in shape:
        return
    width, sides = item_bytes, list[Side]()
    for side in reversed(list(zip(shape, target, source, strict=True))):
        count, to, of = side
        if count == 1:
            continue
        if not sides and to == of == width:
            width *= count
        elif sides and (to, of) == (sides[0][0] * sides[0][1], sides[0][0] * sides[0][2]):
            sides[0] = (sides[0][0] * count, sides[0][1], sides[0][2])
        else:
            sides.insert(0, side)
    height, pitch, source_pitch = sides.pop() if sides else (1, width, width)
    for places in np.ndindex(*(count for count, _, _ in sides)):
        to = sum(place * side[1] for place, side in zip(places, sides, strict=True))
        of = sum(place * side[2] for place, side in zip(places, sides, strict=True))
        yield to, of, width, height, pitch, source_pitch


class _Block:
    """An allocation; when nobody has it any more, its memory's to use again."""

    def __init__(self, memory: CudaMemory, pointer: Pointer, size_bytes: int) -> None:
        self.memory = memory
        self.pointer = pointer
        self.size_bytes = size_bytes

    def __del__(self) -> None:
        with suppress(Exception):  # the process may be ending
            self.memory.give_back(self.pointer, self.size_bytes)


class CudaArray(DeviceArray):
    """Part of an allocation: where it begins, its shape, and its strides in bytes."""

    def __init__(
        self,
        block: _Block,
        pointer: Pointer,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self._block = block
        self.pointer = pointer
        self._shape = shape
        self.strides = strides
        self._dtype = dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Return its shape."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return its dtype."""
        return self._dtype

    @property
    def contiguous(self) -> bool:
        """Tell whether its numbers lie one after the other."""
        return all(
            stride == whole or count == 1
            for count, stride, whole in zip(
                self._shape, self.strides, _packed(self._shape, self._dtype), strict=True
            )
        )

    @property
    def size_bytes(self) -> int:
        """Return the bytes of its numbers."""
        return prod(self._shape) * self._dtype.itemsize

    def overlaps(self, other: DeviceArray) -> bool:
        """Tell whether the two reach into the same bytes; parts that interleave count as one."""
        if not isinstance(other, CudaArray):
            return False
        (begin, end), (from_, to) = self._reach(), other._reach()
        return begin < to and from_ < end

    def _reach(self) -> tuple[Pointer, Pointer]:
        if 0 in self._shape:
            return self.pointer, self.pointer
        last = sum((n - 1) * stride for n, stride in zip(self._shape, self.strides, strict=True))
        return self.pointer, self.pointer + last + self._dtype.itemsize

    def __getitem__(self, index: Index) -> CudaArray:
        parts = index if isinstance(index, tuple) else (index,)
        pointer, shape, strides = self.pointer, list[int](), list[int]()
        for axis, (count, stride) in enumerate(zip(self._shape, self.strides, strict=True)):
            part = parts[axis] if axis < len(parts) else slice(None)
            if isinstance(part, slice):
                begin, end, step = part.indices(count)
                if step != 1:
                    raise IndexError("a slice of a device array has no step")
                shape.append(max(end - begin, 0))
                strides.append(stride)
            else:
                begin = as_integer(part)
                begin += count if begin < 0 else 0
                if not 0 <= begin < count:
                    raise IndexError(f"{as_integer(part)} of {count}")
            pointer += begin * stride
        if len(parts) > len(self._shape):
            raise IndexError(f"{len(parts)} indices for {len(self._shape)} axes")
        return CudaArray(self._block, pointer, tuple(shape), tuple(strides), self._dtype)

    def __setitem__(self, index: Index, value: AnyArray | float) -> None:
        target = self[index]
        if isinstance(value, (CudaArray, np.ndarray)):
            target._check(value.shape, value.dtype)
        if isinstance(value, CudaArray):
            for copy in target.copies(value.pointer, value.strides, "on"):
                self._cuda.copy(copy)
        elif isinstance(value, np.ndarray):
            packed = np.asarray(value, order="C")
            for copy in target.copies(packed.ctypes.data, packed.strides, "to"):
                self._cuda.copy(copy)
            self._cuda.wait()
        elif isinstance(value, (int, float)) and value == 0:
            target._clear()
        else:
            raise ValueError(f"a device array takes arrays and zeros, not {value!r}")

    def _check(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        if (shape, dtype) != (self._shape, self._dtype):
            raise ValueError(f"{dtype} {shape} into {self._dtype} {self._shape}")

    def copies(self, source: Pointer, strides: Sequence[int], kind: str) -> Iterator[Copy]:
        """Yield what copies an array of its shape, elsewhere, into it."""
        moves = rows_of(self._shape, self.strides, strides, self._dtype.itemsize)
        for to, of, width, height, pitch, source_pitch in moves:
            yield Copy(self.pointer + to, source + of, width, kind, height, pitch, source_pitch)

    def copies_out(self, target: Pointer, kind: str) -> Iterator[Copy]:
        """Yield what copies it to another place, packed."""
        packed = _packed(self._shape, self._dtype)
        moves = rows_of(self._shape, packed, self.strides, self._dtype.itemsize)
        for to, of, width, height, pitch, source_pitch in moves:
            yield Copy(target + to, self.pointer + of, width, kind, height, pitch, source_pitch)

    def _clear(self) -> None:
        moves = rows_of(self._shape, self.strides, self.strides, self._dtype.itemsize)
        for to, _, width, height, pitch, _ in moves:
            self._cuda.clear(self.pointer + to, width, height, pitch)

    def like(self, shape: Sequence[int]) -> CudaArray:
        """Return a new array."""
        return self._block.memory.empty(shape, self._dtype)

    def read(self) -> Array:
        """Return its numbers."""
        made = np.empty(self._shape, self._dtype)
        for copy in self.copies_out(made.ctypes.data, "from"):
            self._cuda.copy(copy)
        self._cuda.wait()
        return made

    @property
    def _cuda(self) -> Cuda:
        return self._block.memory.cuda


class CudaMemory:
    """The device's memory. Small allocations are kept when they are freed, by size.

    Everything runs on one stream, so memory freed while a copy from it is still to come can be
    given to an array that is written after it.
    """

    on_host = False

    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda
        self._free: defaultdict[int, list[Pointer]] = defaultdict(list)
        self._before_bytes = cuda.used_bytes()

    def zeros(self, shape: Sequence[int], dtype: DTypeLike) -> CudaArray:
        """Return a new array of zeros."""
        made = self.empty(shape, dtype)
        made[:] = 0.0
        return made

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> CudaArray:
        """Return a new array; what it holds is undefined.

        Raises:
            LoadFailed: if there is not so much memory.
        """
        sizes, kind = tuple(shape), np.dtype(dtype)
        size_bytes = _size_class(prod(sizes) * kind.itemsize)
        pointer = self._take(size_bytes)
        return CudaArray(
            _Block(self, pointer, size_bytes), pointer, sizes, _packed(sizes, kind), kind
        )

    def held_bytes(self) -> int:
        """Return the growth of the device memory in use; another process's counts too."""
        return self.cuda.used_bytes() - self._before_bytes

    def give_back(self, pointer: Pointer, size_bytes: int) -> None:
        """Take back what an array had."""
        if size_bytes > _KEPT_BYTES:
            self.cuda.free(pointer)
            return
        self._free[size_bytes].append(pointer)

    def _take(self, size_bytes: int) -> Pointer:
        with suppress(IndexError):  # no lock: this may be called while garbage is collected
            return self._free[size_bytes].pop()
        try:
            return self.cuda.malloc(size_bytes)
        except CudaError as error:
            what = f"{size_bytes / 1e6:.1f} MB of the GPU's memory"
            raise LoadFailed(what, error.name, error.fix) from error


def _packed(shape: Sequence[int], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Return the strides of a contiguous array, bytes."""
    return tuple(dtype.itemsize * prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _size_class(size_bytes: int) -> int:
    """Round up, by an eighth at most, so that arrays of similar sizes use the same memory."""
    kept = size_bytes <= _KEPT_BYTES
    step = max(1 << max(size_bytes.bit_length() - 4, 0), _SMALL_BYTES) if kept else _SMALL_BYTES
    return max(-(-size_bytes // step) * step, _SMALL_BYTES)
