"""Running stages in a device's memory, one CUDA graph for each shape (ADR 0025)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import Tensor

from artifact.manifest import StageFile
from engine.backends.arrays import AnyArray
from engine.backends.torch.arrays import TorchArray, dtype_of

Work = Callable[[], None]
CallKind = tuple[tuple[tuple[int, ...], int], ...]
"""Of each input its shape, and the address of what is read where it lies; else 0."""


class Buffers:
    """Tensors at fixed addresses that all stages share; hold `lock` while using them.

    Tensors on the device are shared by shape, for batches up to the next power of two. Tensors on
    the host are pinned, and grow. The engine runs stages one at a time, but another thread loads
    and warms stages when the memory budget grows.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.lock = threading.Lock()
        self._pinned: dict[str, Tensor] = {}
        self._fixed: WeakValueDictionary[Any, Tensor] = WeakValueDictionary()

    def fixed(self, name: str, dtype: torch.dtype, shape: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return a tensor on the device, and the whole one, to be held as long as it is used."""
        rows = 1 << max(shape[0] - 1, 0).bit_length()
        key = (name, dtype, rows, *shape[1:])
        whole = self._fixed.get(key)
        if whole is None:
            whole = torch.zeros((rows, *shape[1:]), dtype=dtype, device=self.device)
            self._fixed[key] = whole
        return whole[: shape[0]], whole

    def pinned(self, name: str, like: Tensor) -> Tensor:
        """Return a tensor on the host of another one's dtype and shape, for copies between them."""
        size = like.numel() * like.element_size()
        held = self._pinned.get(name)
        if held is None or held.numel() < size:
            pin = self.device.type == "cuda"
            held = self._pinned[name] = torch.empty(size, dtype=torch.uint8, pin_memory=pin)
        return held[:size].view(like.dtype).view(like.shape)


@dataclass(frozen=True)
class _Captured:
    """One shape of a stage: inputs and outputs at fixed addresses, and the work between them."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    work: Work
    held: tuple[Tensor, ...]


class DeviceRunner:
    """Runs a stage in the device's memory. The first call of each shape prepares it.

    Args:
        module: the translated graph.
        spec: the stage's record.
        buffers: shared by all stages of the backend.
        capture: returns work that does the same, launched as one graph.
    """

    def __init__(
        self,
        module: Callable[..., tuple[Tensor, ...]],
        spec: StageFile,
        buffers: Buffers,
        capture: Callable[[Work], Work],
    ) -> None:
        self._module = module
        self._spec = spec
        self._buffers = buffers
        self._capture = capture
        self._captured: dict[CallKind, _Captured] = {}

    def __call__(
        self, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray]
    ) -> dict[str, AnyArray]:
        """Run one batch (see `LoadedStage.run`)."""
        kind = tuple(self._kind(name, inputs[name]) for name in self._spec.inputs)
        with self._buffers.lock:
            known = self._captured.get(kind)
            if known is None:
                known = self._captured[kind] = self._prepare(inputs)
            for name, array in inputs.items():
                if self._resting(name, array) is None:
                    self._send(known.inputs[name], name, array)
            known.work()
            return self._receive(known.outputs, into)

    def _resting(self, name: str, array: AnyArray) -> Tensor | None:
        """Return an input that is read where it lies: tables of adapters never move (ADR 0036)."""
        if self._spec.inputs[name].shape[0] == "A" and isinstance(array, TorchArray):
            return array.tensor
        return None

    def _kind(self, name: str, array: AnyArray) -> tuple[tuple[int, ...], int]:
        resting = self._resting(name, array)
        return array.shape, 0 if resting is None else resting.data_ptr()

    def _place(self, name: str, array: AnyArray) -> tuple[Tensor, Tensor]:
        """Return where an input lies while the stage runs, and what is to be held for it."""
        resting = self._resting(name, array)
        if resting is not None:
            return resting, resting
        spec = self._spec.inputs[name]
        return self._buffers.fixed(name, dtype_of(spec.dtype), array.shape)

    def _prepare(self, given: Mapping[str, AnyArray]) -> _Captured:
        made = {name: self._place(name, given[name]) for name in self._spec.inputs}
        inputs = {name: tensor for name, (tensor, _) in made.items()}
        found = self._module(*inputs.values())
        placed = {
            name: self._buffers.fixed(name, dtype_of(spec.dtype), tensor.shape)
            for (name, spec), tensor in zip(self._spec.outputs.items(), found, strict=True)
        }
        outputs = {name: tensor for name, (tensor, _) in placed.items()}
        del found

        def work() -> None:
            for place, tensor in zip(outputs.values(), self._module(*inputs.values()), strict=True):
                place.copy_(tensor)

        held = tuple(whole for _, whole in (*made.values(), *placed.values()))
        return _Captured(inputs, outputs, self._capture(work), held)

    def _send(self, target: Tensor, name: str, array: AnyArray) -> None:
        if isinstance(array, TorchArray):
            target.copy_(array.tensor)
            return
        staged = self._buffers.pinned(f"in {name}", target)
        np.copyto(staged.numpy(), array)
        target.copy_(staged, non_blocking=True)

    def _receive(
        self, outputs: Mapping[str, Tensor], into: Mapping[str, AnyArray]
    ) -> dict[str, AnyArray]:
        found: dict[str, AnyArray] = {}
        staged: dict[str, Tensor] = {}
        for name, tensor in outputs.items():
            place = into.get(name)
            if place is not None and place.shape != tuple(tensor.shape):
                raise ValueError(f"{name} has shape {tuple(tensor.shape)}, not {place.shape}")
            if isinstance(place, TorchArray):
                place.tensor.copy_(tensor)
                found[name] = place
            else:
                staged[name] = self._buffers.pinned(f"out {name}", tensor)
                staged[name].copy_(tensor, non_blocking=True)
        wait(self._buffers.device)
        for name, tensor in staged.items():
            found[name] = into[name] if name in into else np.empty(tensor.shape, np.float32)
            found[name][()] = tensor.numpy()
        return found


def wait(device: torch.device) -> None:
    """Return when the device has done all work of the current stream."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()


class CudaGraphs:
    """Captures work as CUDA graphs. All share one pool of memory, since one runs at a time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def capture(self, work: Work) -> Work:
        """Return work that does the same, launched as one graph; its tensors must not move."""
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            for _ in range(2):  # libraries choose their kernels and take their workspaces
                work()
        torch.cuda.current_stream(self._device).wait_stream(self._stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
            work()
        return graph.replay
