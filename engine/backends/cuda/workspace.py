"""Memory that calls use in turn: on the device, and pinned on the host beside it."""

from __future__ import annotations

from contextlib import suppress

from engine.backends.cuda.runtime import Cuda, Pointer

ALIGNMENT = 256
"""Alignment of tensors that share an allocation, bytes."""


def aligned(size_bytes: int) -> int:
    """Return the size rounded up, so that what follows is aligned."""
    return -(-size_bytes // ALIGNMENT) * ALIGNMENT


class Space:
    """Device memory, and pinned host memory. Both are freed when the object is dropped."""

    def __init__(self, cuda: Cuda, device_bytes: int, host_bytes: int) -> None:
        self._cuda = cuda
        self.device_bytes = device_bytes
        self.host_bytes = host_bytes
        self.host: Pointer = 0
        self.device = cuda.malloc(device_bytes)
        self.host = cuda.malloc_host(host_bytes)

    def __del__(self) -> None:
        with suppress(Exception):  # the process may be ending, or it was never whole
            self._cuda.free(self.device)
            self._cuda.free_host(self.host)


class Workspace:
    """One space that all calls use in turn.

    A graph is tied to addresses, so a space never moves. A call that needs more gets a larger
    space, at least twice as large. Earlier calls keep the smaller one.
    """

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._space: Space | None = None

    def claim(self, device_bytes: int, host_bytes: int) -> Space:
        """Return a space of at least these sizes."""
        old = self._space
        if old is not None and old.device_bytes >= device_bytes and old.host_bytes >= host_bytes:
            return old
        sizes = (0, 0) if old is None else (2 * old.device_bytes, 2 * old.host_bytes)
        self._space = Space(self._cuda, max(device_bytes, sizes[0]), max(host_bytes, sizes[1]))
        return self._space
