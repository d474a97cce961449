"""The device that is measured: its memory, its clock, and graphs that replay on it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

Kind = Literal["cuda", "cpu"]

WARM_UPS = 3
"""Eager calls before a graph is captured: libraries choose their kernels then."""


@dataclass
class Device:
    """One CUDA device, or the CPU in its place.

    Attributes:
        kind: which.
        pool: memory that all graphs share; they never run at the same time.
    """

    kind: Kind
    pool: Any = field(default=None, init=False)

    @property
    def place(self) -> torch.device:
        """Where tensors live."""
        return torch.device(self.kind)

    @property
    def is_cuda(self) -> bool:
        """Whether graphs and events are the GPU's own."""
        return self.kind == "cuda"

    def wait(self) -> None:
        """Return when everything launched so far has ended."""
        if self.is_cuda:
            torch.cuda.synchronize()

    def mark(self) -> DeviceMoment:
        """Return a moment of the device's time: after everything launched so far."""
        return DeviceMoment(self.is_cuda)

    def free_bytes(self) -> int | None:
        """Return the memory that can still be had; None where it is not counted."""
        if not self.is_cuda:
            return None
        cached = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return int(torch.cuda.mem_get_info()[0]) + cached

    def used_bytes(self) -> int:
        """Return the bytes of live tensors; 0 where they are not counted."""
        return int(torch.cuda.memory_allocated()) if self.is_cuda else 0

    def stream(self) -> Any:
        """Return a stream beside the current one; None where there are no streams."""
        return torch.cuda.Stream() if self.is_cuda else None  # type: ignore[no-untyped-call]

    def forget(self) -> None:
        """Give memory of dropped tensors and graphs back to the device."""
        self.pool = None
        self.empty()

    def empty(self) -> None:
        """Give back what dropped tensors held."""
        gc.collect()
        if self.is_cuda:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()

    def capture(self, call: Callable[[], Any]) -> Replay:
        """Warm up, then capture what `call` launches as a graph; on the CPU it stays a call.

        Args:
            call: reads and writes tensors that live at least as long as the graph.

        Raises:
            RuntimeError: something in it cannot be captured.
        """
        if not self.is_cuda:
            return Replay(call, call(), None)
        beside = self.stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM_UPS):
                call()
        torch.cuda.current_stream().wait_stream(beside)
        if self.pool is None:
            self.pool = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            output = call()
        return Replay(call, output, graph)


class DeviceMoment:
    """A moment on the device; reading it waits until the device has come there."""

    def __init__(self, is_cuda: bool) -> None:
        self._event: Any = None
        self._at_s = 0.0
        if is_cuda:
            self._event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            self._event.record()
        else:
            self._at_s = time.perf_counter()

    def wait(self) -> None:
        """Return when the device has come here."""
        if self._event is not None:
            self._event.synchronize()

    def since_s(self, earlier: DeviceMoment) -> float:
        """Return the seconds between an earlier mark and this one."""
        if self._event is None:
            return self._at_s - earlier._at_s
        self.wait()
        return float(earlier._event.elapsed_time(self._event)) * 1e-3


class Replay:
    """A captured graph; calling it runs it again on whatever its inputs hold now.

    Attributes:
        output: what the captured call returned; each replay writes it anew.
    """

    def __init__(self, call: Callable[[], Any], output: Any, graph: Any) -> None:
        self.output = output
        self._call = call
        self._graph = graph

    def __call__(self) -> None:
        """Launch it."""
        if self._graph is None:
            self.output = self._call()
        else:
            self._graph.replay()
