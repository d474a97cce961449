"""The few calls of the CUDA runtime that a backend needs: one device, one stream, all checked.

Written against NVIDIA's own binding and tested on a stand-in for it
(`tests/engine/backends/cuda/fake_runtime.py`). It has not run on a GPU yet (docs/gpu.md).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

Pointer = int


class CudaError(Exception):
    """A call of the CUDA runtime failed; `str()` is one line that says how to fix it."""

    def __init__(self, call: str, name: str, fix: str) -> None:
        self.call = call
        self.name = name
        self.fix = fix
        super().__init__(f"{call}: {name} ({fix})")


@dataclass(frozen=True)
class Copy:
    """Bytes to copy: `height` rows of `width` bytes; from row to row it is `pitch` bytes.

    `kind` is "to" (from the host to the device), "from" (from the device to the host) or "on"
    (within the device).
    """

    target: Pointer
    source: Pointer
    width: int
    kind: str = "on"
    height: int = 1
    target_pitch: int = 0
    source_pitch: int = 0


_FIXES = {
    "cudaErrorMemoryAllocation": "lower the memory budget, the batch or the caption slots",
    "cudaErrorInsufficientDriver": "install or update the NVIDIA driver; docs/gpu.md",
    "cudaErrorNoDevice": "no GPU is visible: see nvidia-smi and CUDA_VISIBLE_DEVICES",
    "cudaErrorStreamCaptureUnsupported": "the plan cannot be captured; it runs without a graph",
}
_RESTART = "restart the server; nvidia-smi and the kernel's log tell more"


class CapturedGraph:
    """Captured work, ready to launch. CUDA's own object is destroyed when this one is dropped."""

    def __init__(self, runtime: Any, handle: Any) -> None:
        self._runtime = runtime
        self.handle = handle

    def __del__(self) -> None:
        with suppress(Exception):  # the process may be ending
            self._runtime.cudaGraphExecDestroy(self.handle)


class Cuda:
    """The first visible device, and one stream for all work on it.

    `runtime` is `cuda.bindings.runtime`. Calls on the stream belong to one thread at a time;
    allocations may come from any.

    Raises:
        CudaError: from every method, and when made without a driver or a device.
    """

    def __init__(self, runtime: Any = None) -> None:
        self._rt = _binding() if runtime is None else runtime
        kinds = self._rt.cudaMemcpyKind
        self._kinds = {
            "to": kinds.cudaMemcpyHostToDevice,
            "from": kinds.cudaMemcpyDeviceToHost,
            "on": kinds.cudaMemcpyDeviceToDevice,
        }
        self._call("cudaSetDevice", 0)
        self.stream = self._new_stream()
        self._capture_stream = self._new_stream()

    def _new_stream(self) -> Any:
        return self._call("cudaStreamCreateWithFlags", self._rt.cudaStreamNonBlocking)

    def _call(self, name: str, *arguments: Any) -> Any:
        error, *results = getattr(self._rt, name)(*arguments)
        if error != self._rt.cudaError_t.cudaSuccess:
            raise CudaError(name, error.name, _FIXES.get(error.name, _RESTART))
        return results[0] if len(results) == 1 else tuple(results) or None

    def malloc(self, size_bytes: int) -> Pointer:
        """Take device memory."""
        return int(self._call("cudaMalloc", size_bytes))

    def free(self, pointer: Pointer) -> None:
        """Give device memory back; waits for the device."""
        self._call("cudaFree", pointer)

    def malloc_host(self, size_bytes: int) -> Pointer:
        """Take pinned host memory."""
        return int(self._call("cudaMallocHost", size_bytes))

    def free_host(self, pointer: Pointer) -> None:
        """Give pinned host memory back."""
        self._call("cudaFreeHost", pointer)

    def used_bytes(self) -> int:
        """Return the device memory in use, by whatever process."""
        free, total = self._call("cudaMemGetInfo")
        return int(total) - int(free)

    def copy(self, copy: Copy) -> None:
        """Copy in the stream's order. A host side must stay as it is until `wait`."""
        kind = self._kinds[copy.kind]
        if copy.height == 1:
            self._call("cudaMemcpyAsync", copy.target, copy.source, copy.width, kind, self.stream)
            return
        self._call(
            "cudaMemcpy2DAsync",
            *(copy.target, copy.target_pitch, copy.source, copy.source_pitch),
            *(copy.width, copy.height, kind, self.stream),
        )

    def clear(self, target: Pointer, width: int, height: int = 1, pitch: int = 0) -> None:
        """Set bytes to 0 in the stream's order."""
        if height == 1:
            self._call("cudaMemsetAsync", target, 0, width, self.stream)
        else:
            self._call("cudaMemset2DAsync", target, pitch, 0, width, height, self.stream)

    def wait(self) -> None:
        """Return when all work in the stream is done."""
        self._call("cudaStreamSynchronize", self.stream)

    def capture(self, enqueue: Callable[[int], None]) -> CapturedGraph:
        """Return the work that `enqueue(stream)` gives a stream, as a graph; none of it runs.

        The graph is captured on a second stream, so it holds no work that other threads give the
        usual stream meanwhile.
        """
        mode = self._rt.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._call("cudaStreamBeginCapture", self._capture_stream, mode)
        try:
            enqueue(int(self._capture_stream))
        except BaseException:
            self._abandon_capture()
            raise
        try:
            graph = self._call("cudaStreamEndCapture", self._capture_stream)
        except CudaError:
            self._abandon_capture()
            raise
        try:
            return CapturedGraph(self._rt, self._call("cudaGraphInstantiate", graph, 0))
        finally:
            self._call("cudaGraphDestroy", graph)

    def _abandon_capture(self) -> None:
        """Drop the stream with the broken capture, and clear the error that it left."""
        self._rt.cudaStreamEndCapture(self._capture_stream)
        self._rt.cudaStreamDestroy(self._capture_stream)
        self._rt.cudaGetLastError()
        self._capture_stream = self._new_stream()

    def launch(self, graph: CapturedGraph) -> None:
        """Run a graph in the stream's order."""
        self._call("cudaGraphLaunch", graph.handle, self.stream)


def _binding() -> Any:
    from cuda.bindings import runtime

    return runtime


def runtime_version() -> int:
    """Return the CUDA version of NVIDIA's binding, as 1000 · major + 10 · minor; needs no driver.

    Raises:
        ImportError: if it is not installed.
        CudaError: if the call fails.
    """
    runtime = _binding()
    error, version = runtime.cudaRuntimeGetVersion()
    if error != runtime.cudaError_t.cudaSuccess:
        raise CudaError("cudaRuntimeGetVersion", error.name, _RESTART)
    return int(version)
