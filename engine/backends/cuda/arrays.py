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
from engine.backends.cuda.strides import Move, moves_between, packed_strides
from engine.errors import LoadFailed

_SMALL_BYTES = 512
_REUSED_BYTES = 1 << 26
"""Freed allocations up to this size stay allocated for the next array of their size."""


class _Allocation:
    """An allocation. When no array uses it any more, its memory gives it to the next one."""

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
        block: _Allocation,
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
        packed = packed_strides(self._shape, self._dtype.itemsize)
        sides = zip(self._shape, self.strides, packed, strict=True)
        return all(stride == whole or count == 1 for count, stride, whole in sides)

    def overlaps(self, other: DeviceArray) -> bool:
        """Tell whether the byte ranges of the two meet; interleaved parts count as overlapping."""
        if not isinstance(other, CudaArray):
            return False
        (begin, end), (other_begin, other_end) = self._byte_range(), other._byte_range()
        return begin < other_end and other_begin < end

    def _byte_range(self) -> tuple[Pointer, Pointer]:
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
        """Yield the copies that fill it from elsewhere.

        Args:
            source: where an array of its shape and dtype begins.
            strides: of that array, bytes.
            kind: as `Copy` has it.
        """
        moves = moves_between(self._shape, self.strides, strides, self._dtype.itemsize)
        return (_copy(move, self.pointer, source, kind) for move in moves)

    def copies_out(self, target: Pointer, kind: str) -> Iterator[Copy]:
        """Yield the copies that write it elsewhere, contiguous.

        Args:
            target: where that memory begins.
            kind: as `Copy` has it.
        """
        packed = packed_strides(self._shape, self._dtype.itemsize)
        moves = moves_between(self._shape, packed, self.strides, self._dtype.itemsize)
        return (_copy(move, target, self.pointer, kind) for move in moves)

    def _clear(self) -> None:
        for move in moves_between(self._shape, self.strides, self.strides, self._dtype.itemsize):
            begin = self.pointer + move.target_offset
            self._cuda.clear(begin, move.width, move.height, move.target_pitch)

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
    """The device's memory. Freed allocations up to 64 MiB are used again, by size.

    Everything runs on one stream. So memory that is freed before a copy from it has run can be
    given to another array: that array is written after the copy.
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
            LoadFailed: if the device has too little memory left.
        """
        sizes, kind = tuple(shape), np.dtype(dtype)
        size_bytes = _size_class(prod(sizes) * kind.itemsize)
        pointer = self._take(size_bytes)
        strides = packed_strides(sizes, kind.itemsize)
        return CudaArray(_Allocation(self, pointer, size_bytes), pointer, sizes, strides, kind)

    def held_bytes(self) -> int:
        """Return how much more device memory is in use than at first, other processes included."""
        return self.cuda.used_bytes() - self._before_bytes

    def give_back(self, pointer: Pointer, size_bytes: int) -> None:
        """Take back the allocation of an array that was dropped."""
        if size_bytes > _REUSED_BYTES:
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


def _copy(move: Move, target: Pointer, source: Pointer, kind: str) -> Copy:
    return Copy(
        target=target + move.target_offset,
        source=source + move.source_offset,
        width=move.width,
        kind=kind,
        height=move.height,
        target_pitch=move.target_pitch,
        source_pitch=move.source_pitch,
    )


def _size_class(size_bytes: int) -> int:
    """Round up, by an eighth at most, so that arrays of similar sizes use the same memory."""
    reused = size_bytes <= _REUSED_BYTES
    step = max(1 << max(size_bytes.bit_length() - 4, 0), _SMALL_BYTES) if reused else _SMALL_BYTES
    return max(-(-size_bytes // step) * step, _SMALL_BYTES)
