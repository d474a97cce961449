"""Tables on the host: rows of zeros take no memory."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_NO_RESERVE = 0x4000
"""MAP_NORESERVE of Linux, which `mmap` names since Python 3.13: no memory is set aside."""


def _pages(size: int) -> mmap.mmap:
    if sys.platform != "linux":
        return mmap.mmap(-1, size)
    return mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE)


class HostTable:
    """Float32 zeros in pages of their own, taken when they are written.

    Args:
        shape: of the whole table; the first axis are its rows.

    Attributes:
        array: the table.

    Raises:
        MemoryError: the system has no room for an address range of that size.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self._row_bytes = 4 * int(np.prod(shape[1:]))
        size = self._row_bytes * shape[0]
        try:
            self._pages = _pages(size)
        except (OSError, ValueError, OverflowError) as error:
            raise MemoryError(f"a table of {size / 1e9:.0f} GB: {error}") from error
        flat = np.frombuffer(self._pages, np.float32, size // 4)
        self.array: NDArray[np.float32] = flat.reshape(shape)

    def clear(self, row: int) -> None:
        """Make a row zeros; the pages that are its alone go back to the system."""
        begin, end = row * self._row_bytes, (row + 1) * self._row_bytes
        first, last = -(-begin // mmap.PAGESIZE), end // mmap.PAGESIZE
        if sys.platform != "linux" or last <= first:
            self.array[row] = 0.0
            return
        flat = self.array[row].reshape(-1)
        flat[: first * mmap.PAGESIZE // 4 - begin // 4] = 0.0
        flat[last * mmap.PAGESIZE // 4 - begin // 4 :] = 0.0
        self._pages.madvise(
            mmap.MADV_DONTNEED, first * mmap.PAGESIZE, (last - first) * mmap.PAGESIZE
        )
