"""Weights for the torch backend: each tensor of a file is on the device once for all stages."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from numpy.typing import NDArray

Identity = tuple[Any, ...]


@dataclass(frozen=True)
class Extent:
    """Where a tensor lies in a file: the form of ONNX external data (ADR 0012)."""

    path: Path
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def map(self) -> NDArray[Any]:
        """Return the tensor as mapped pages of the file; nothing is read yet.

        The pages are mapped copy-on-write, because torch wants writeable memory. Nothing writes
        to them.

        Raises:
            OSError, ValueError: if the file is not there, or too short.
        """
        return np.memmap(self.path, self.dtype, "c", self.offset, self.shape)

    def identity(self) -> Identity:
        """Return what identifies the tensor: the file itself, not its name, and the place in it."""
        file = os.stat(self.path)
        which = (file.st_dev, file.st_ino, file.st_size, file.st_mtime_ns)
        return (*which, self.offset, self.dtype.str, self.shape)


class WeightStore:
    """The weights on one device. A tensor is freed when the last stage that uses it is dropped.

    On the processor a weight is the mapped file, not a copy, unless another dtype is asked for.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._held: WeakValueDictionary[Identity, torch.Tensor] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, source: Extent | NDArray[Any], dtype: torch.dtype | None) -> torch.Tensor:
        """Return a tensor on the device; stages share one that comes from a file.

        Args:
            source: a tensor of a file, or a constant.
            dtype: what to convert it to; None leaves it as it is.

        Raises:
            OSError, ValueError: if the file is not there, or too short.
        """
        if not isinstance(source, Extent):
            return self._place(np.array(source), dtype)
        key = (*source.identity(), dtype)
        found = self._held.get(key)
        if found is None:
            found = self._held[key] = self._place(source.map(), dtype)
        return found

    def _place(self, array: NDArray[Any], dtype: torch.dtype | None) -> torch.Tensor:
        placed = torch.from_numpy(array).to(self._device)
        return placed if dtype is None else placed.to(dtype)
