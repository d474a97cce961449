"""A stand-in for `cuda.bindings.runtime`: device memory, streams and graphs, without a device.

Work runs only when the host waits, as on a device that is far behind. So a caller that reads too
early, or changes pinned memory that a copy still needs, gets wrong numbers. New memory holds 0xFF
(NaN). Addresses outside allocations are refused.
"""

from __future__ import annotations

import ctypes
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.engine.backends.cuda.fake_values import (
    RESULTS,
    Bytes,
    Fault,
    Stream,
    Work,
    cudaError_t,
    cudaMemcpyKind,
    cudaStreamCaptureMode,
)


class FakeCuda:
    """One device of `total` bytes. `broken[call]` is what that call answers, once."""

    cudaError_t, cudaMemcpyKind = cudaError_t, cudaMemcpyKind
    cudaStreamCaptureMode = cudaStreamCaptureMode
    cudaStreamNonBlocking = 1

    def __init__(self, total: int = 1 << 30) -> None:
        self.total = total
        self.broken: dict[str, cudaError_t] = {}
        self.calls: Counter[str] = Counter()
        self.moved_bytes: Counter[str] = Counter()
        self._memory: dict[int, Bytes] = {}
        self._bases: list[int] = []
        self._next = 0x7000_0000_0000
        self._pinned: dict[int, Bytes] = {}
        self._streams: dict[int, Stream] = {}
        self._dead: cudaError_t | None = None
        self._driver = threading.RLock()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if not name.startswith("cuda") or not callable(found) or isinstance(found, type):
            return found

        def call(*arguments: Any) -> tuple[Any, ...]:
            with self._driver:  # calls may come from any thread
                return self._answer(name, found, arguments)

        return call

    def _answer(
        self, name: str, found: Callable[..., tuple[Any, ...]], arguments: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        self.calls[name] += 1
        error = self.broken.pop(name, None) or self._dead
        if error is not None and not name.startswith("cudaGet"):
            return (error, *[None] * RESULTS.get(name, 0))
        try:
            return found(*arguments)
        except Fault as fault:
            (answer,) = fault.args
            return (answer, *[None] * RESULTS.get(name, 0))

    @property
    def used(self) -> int:
        return sum(len(block) for block in self._memory.values())

    def view(self, pointer: int, size: int) -> Bytes:
        """Return device memory itself.

        Raises:
            Fault: if not all of it is one allocation's.
        """
        place = bisect_right(self._bases, pointer) - 1
        if place >= 0:
            base = self._bases[place]
            block = self._memory[base]
            if pointer + size <= base + len(block):
                return block[pointer - base : pointer - base + size]
        raise Fault(cudaError_t.cudaErrorIllegalAddress)

    def enqueue(self, stream: Any, work: Work) -> None:
        """Add work to a stream, or to what is being captured of it."""
        found = self._streams[int(stream)]
        (found.queue if found.captured is None else found.captured).append(work)

    def capturing(self, stream: Any) -> bool:
        return self._streams[int(stream)].captured is not None

    def cudaSetDevice(self, device: int) -> tuple[cudaError_t]:
        return (cudaError_t.cudaSuccess if device == 0 else cudaError_t.cudaErrorInvalidValue,)

    def cudaRuntimeGetVersion(self) -> tuple[cudaError_t, int]:
        return cudaError_t.cudaSuccess, 13000

    def cudaGetLastError(self) -> tuple[cudaError_t]:
        return (cudaError_t.cudaSuccess,)

    def cudaMemGetInfo(self) -> tuple[cudaError_t, int, int]:
        return cudaError_t.cudaSuccess, self.total - self.used, self.total

    def cudaMalloc(self, size: int) -> tuple[cudaError_t, int]:
        if self.used + size > self.total:
            raise Fault(cudaError_t.cudaErrorMemoryAllocation)
        pointer, self._next = self._next, self._next + size + 4096
        self._memory[pointer] = np.full(size, 0xFF, np.uint8)
        self._bases.append(pointer)
        return cudaError_t.cudaSuccess, pointer

    def cudaFree(self, pointer: int) -> tuple[cudaError_t]:
        self._finish()
        if pointer not in self._memory:
            raise Fault(cudaError_t.cudaErrorInvalidValue)
        del self._memory[pointer]
        self._bases.remove(pointer)
        return (cudaError_t.cudaSuccess,)

    def cudaMallocHost(self, size: int) -> tuple[cudaError_t, int]:
        block = np.full(size, 0xFF, np.uint8)
        self._pinned[block.ctypes.data] = block
        return cudaError_t.cudaSuccess, block.ctypes.data

    def cudaFreeHost(self, pointer: int) -> tuple[cudaError_t]:
        self._finish()
        self._pinned.pop(pointer)[:] = 0xFF
        return (cudaError_t.cudaSuccess,)

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[cudaError_t, Stream]:
        stream = Stream(0x100 + len(self._streams))
        self._streams[stream.number] = stream
        return cudaError_t.cudaSuccess, stream

    def cudaStreamDestroy(self, stream: Stream) -> tuple[cudaError_t]:
        stream.captured = None
        return (cudaError_t.cudaSuccess,)

    def cudaStreamSynchronize(self, stream: Stream) -> tuple[cudaError_t]:
        if stream.captured is not None:
            raise Fault(cudaError_t.cudaErrorStreamCaptureUnsupported)
        self._finish()
        return (cudaError_t.cudaSuccess,)

    def _finish(self) -> None:
        for stream in self._streams.values():
            while stream.queue:
                work = stream.queue.pop(0)
                try:
                    work()
                except Fault as fault:  # a device that faulted answers nothing else any more
                    (self._dead,) = fault.args
                    stream.queue.clear()
                    raise

    def cudaMemcpyAsync(
        self, target: int, source: int, size: int, kind: cudaMemcpyKind, stream: Stream
    ) -> tuple[cudaError_t]:
        return self._copy(target, size, source, size, size, 1, kind, stream)

    def cudaMemcpy2DAsync(self, *arguments: Any) -> tuple[cudaError_t]:
        return self._copy(*arguments)

    def _copy(
        self,
        target: int,
        target_pitch: int,
        source: int,
        source_pitch: int,
        width: int,
        height: int,
        kind: cudaMemcpyKind,
        stream: Stream,
    ) -> tuple[cudaError_t]:
        if min(target_pitch, source_pitch) < width or width * height == 0:
            raise Fault(cudaError_t.cudaErrorInvalidValue)
        to_host = kind == cudaMemcpyKind.cudaMemcpyDeviceToHost
        from_host = kind == cudaMemcpyKind.cudaMemcpyHostToDevice

        def work() -> None:
            for row in range(height):
                to = (_host if to_host else self.view)(target + row * target_pitch, width)
                of = (_host if from_host else self.view)(source + row * source_pitch, width)
                to[:] = of
            self.moved_bytes[kind.name] += width * height

        self.enqueue(stream, work)
        return (cudaError_t.cudaSuccess,)

    def cudaMemsetAsync(
        self, target: int, value: int, size: int, stream: Stream
    ) -> tuple[cudaError_t]:
        return self._clear(target, size, value, size, 1, stream)

    def cudaMemset2DAsync(self, *arguments: Any) -> tuple[cudaError_t]:
        return self._clear(*arguments)

    def _clear(
        self, target: int, pitch: int, value: int, width: int, height: int, stream: Stream
    ) -> tuple[cudaError_t]:
        def work() -> None:
            for row in range(height):
                self.view(target + row * pitch, width)[:] = value

        self.enqueue(stream, work)
        return (cudaError_t.cudaSuccess,)

    def cudaStreamBeginCapture(
        self, stream: Stream, mode: cudaStreamCaptureMode
    ) -> tuple[cudaError_t]:
        if stream.captured is not None:
            raise Fault(cudaError_t.cudaErrorInvalidValue)
        stream.captured = []
        return (cudaError_t.cudaSuccess,)

    def cudaStreamEndCapture(self, stream: Stream) -> tuple[cudaError_t, list[Work] | None]:
        graph, stream.captured = stream.captured, None
        if graph is None:
            raise Fault(cudaError_t.cudaErrorStreamCaptureInvalidated)
        return cudaError_t.cudaSuccess, graph

    def cudaGraphInstantiate(
        self, graph: list[Work], flags: int
    ) -> tuple[cudaError_t, tuple[Work, ...]]:
        return cudaError_t.cudaSuccess, tuple(graph)

    def cudaGraphDestroy(self, graph: list[Work]) -> tuple[cudaError_t]:
        graph.clear()
        return (cudaError_t.cudaSuccess,)

    def cudaGraphExecDestroy(self, graph: tuple[Work, ...]) -> tuple[cudaError_t]:
        return (cudaError_t.cudaSuccess,)

    def cudaGraphLaunch(self, graph: tuple[Work, ...], stream: Stream) -> tuple[cudaError_t]:
        for work in graph:
            self.enqueue(stream, work)
        return (cudaError_t.cudaSuccess,)


def _host(pointer: int, size: int) -> Bytes:
    return np.frombuffer((ctypes.c_ubyte * size).from_address(pointer), np.uint8)
