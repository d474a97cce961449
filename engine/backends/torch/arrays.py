"""Arrays in a device's memory, as torch has them (ADR 0023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from engine.backends.arrays import AnyArray, Array, DeviceArray, Index
from engine.errors import LoadFailed

_DTYPES: dict[torch.dtype, np.dtype[Any]] = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
    torch.int64: np.dtype(np.int64),
    torch.uint8: np.dtype(np.uint8),
    torch.bool: np.dtype(np.bool_),
}
"""The dtypes of arrays that pass between stages, and NumPy's own."""

_TORCH = {known: dtype for dtype, known in _DTYPES.items()}


def dtype_of(dtype: DTypeLike) -> torch.dtype:
    """Return torch's name for a dtype of NumPy's."""
    return _TORCH[np.dtype(dtype)]


class TorchArray(DeviceArray):
    """A torch tensor on the device, ordered with all else by torch's current stream."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Return its shape."""
        return tuple(self.tensor.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return its dtype, as NumPy names it."""
        return _DTYPES[self.tensor.dtype]

    @property
    def contiguous(self) -> bool:
        """Tell whether its numbers lie one after the other, the last axis first."""
        return self.tensor.is_contiguous()

    def overlaps(self, other: DeviceArray) -> bool:
        """Tell whether the two may share memory, from the first to the last number of each."""
        if not isinstance(other, TorchArray):
            return False
        (begin, end) = _byte_range(self.tensor)
        (other_begin, other_end) = _byte_range(other.tensor)
        return begin < other_end and other_begin < end

    def __getitem__(self, index: Index) -> TorchArray:
        return TorchArray(self.tensor[index])

    def __setitem__(self, index: Index, value: AnyArray | float) -> None:
        target = self.tensor[index]
        if isinstance(value, (int, float)):
            if value != 0:
                raise ValueError(f"a device array takes zeros, not {value}")
            target.zero_()
            return
        if isinstance(value, DeviceArray) and not isinstance(value, TorchArray):
            raise ValueError(f"an array of another memory: {type(value).__name__}")
        source = (
            value.tensor if isinstance(value, TorchArray) else torch.from_numpy(readable(value))
        )
        if source.shape != target.shape or source.dtype != target.dtype:
            raise ValueError(
                f"{source.dtype} {tuple(source.shape)} into {target.dtype} {tuple(target.shape)}"
            )
        target.copy_(source)

    def like(self, shape: Sequence[int]) -> TorchArray:
        """Return a new array of its dtype; what it holds is undefined."""
        return TorchArray(
            torch.empty(tuple(shape), dtype=self.tensor.dtype, device=self.tensor.device)
        )

    def read(self) -> Array:
        """Return its numbers as a new NumPy array; waits for the device."""
        return np.array(self.tensor.cpu().numpy())


def _byte_range(tensor: Tensor) -> tuple[int, int]:
    """Return the addresses of a tensor's first byte and of the one after its last."""
    if tensor.numel() == 0:
        return 0, 0
    strides = zip(tensor.shape, tensor.stride(), strict=True)
    last = sum((size - 1) * stride for size, stride in strides)
    begin = tensor.data_ptr()
    return begin, begin + (last + 1) * tensor.element_size()


def readable(array: Array) -> Array:
    """Return an array that torch can share: itself, or a copy if it is read-only or reversed."""
    return np.require(array, None, ["W"]) if min(array.strides, default=0) >= 0 else array.copy()


class TorchMemory:
    """The memory of one device, as torch allocates it."""

    on_host = False

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def zeros(self, shape: Sequence[int], dtype: DTypeLike) -> TorchArray:
        """Return a new array of zeros.

        Raises:
            LoadFailed: if the device has too little memory left.
        """
        try:
            made = torch.zeros(tuple(shape), dtype=dtype_of(dtype), device=self.device)
        except RuntimeError as error:
            what, problem = f"an array of {tuple(shape)}", first_line(error)
            fix = "lower OTMV_MAX_BATCH or OTMV_CAPTION_SLOTS"
            raise LoadFailed(what, problem, fix) from error
        return TorchArray(made)

    def held_bytes(self) -> int:
        """Return the bytes torch holds on the device, after it has given back unused ones."""
        if self.device.type != "cuda":
            return 0
        torch.cuda.empty_cache()
        return torch.cuda.memory_reserved(self.device)


def first_line(error: BaseException) -> str:
    """Return the first line of a library's message: the rest is advice to its developers."""
    lines = (line.strip() for line in str(error).splitlines())
    return next((line for line in lines if line), type(error).__name__)
