"""A stage on TensorRT: arrays up, one launch, arrays down (ADR 0023).

Not run on a GPU yet (docs/gpu.md).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from artifact.manifest import StageFile
from artifact.plan import PlanRecord
from engine.backends.arrays import AnyArray, Array, DeviceArray
from engine.backends.base import Prepared, bound_sizes, check_into
from engine.backends.cuda.arrays import CudaArray
from engine.backends.cuda.runtime import Copy, Cuda, CudaError
from engine.backends.tensorrt.call import Shape, ShapedCall
from engine.errors import InferenceFailed

NewCall = Callable[[Mapping[str, Shape], int], ShapedCall]
"""Makes a call for these shapes of the inputs under an optimization profile."""


@dataclass
class Ride:
    """One batch's way through a call: what is copied where, before and after.

    `fill` and `take` are pairs of (target, source) on the host; one side is pinned memory.
    """

    call: ShapedCall
    outputs: dict[str, Any]
    fill: list[tuple[Array, Array]] = field(default_factory=list)
    before: list[Copy] = field(default_factory=list)
    after: list[Copy] = field(default_factory=list)
    take: list[tuple[Array, Array]] = field(default_factory=list)


class TensorRtStage:
    """One engine and its calls by shape. Batches are padded to a power of two, if a plan holds it.

    Args:
        stage: its name.
        spec: the manifest's record.
        record: of the plan.
        cuda: where it runs.
        gate: held while a call has the workspace; all stages of a backend share it.
        new_call: makes a call for shapes not met before.
    """

    def __init__(
        self,
        stage: str,
        spec: StageFile,
        record: PlanRecord,
        cuda: Cuda,
        gate: threading.Lock,
        new_call: NewCall,
    ) -> None:
        self._stage, self._spec, self._record = stage, spec, record
        self._cuda, self._gate, self._new_call = cuda, gate, new_call
        self._calls: dict[tuple[Shape, ...], ShapedCall] = {}
        self._prepared: Prepared[Ride] = Prepared()

    def run(
        self, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray] | None = None
    ) -> dict[str, Any]:
        """Run one batch (see `LoadedStage.run`)."""
        into = into or {}
        with self._gate:
            try:
                ride = self._prepared.find(inputs, into) if into else None
                if ride is None:
                    ride = self._ride(inputs, into)
                    sticky = len(into) == len(self._spec.outputs)
                    if sticky and self._prepared.again(inputs, into):
                        self._prepared.keep(inputs, into, ride)
                self._go(ride)
            except InferenceFailed:
                raise
            except Exception as error:  # the libraries raise several unrelated classes
                with suppress(CudaError):
                    self._cuda.wait()
                reason = " ".join(str(error).split()) or repr(error)
                raise InferenceFailed(self._stage, reason) from error
        return dict(ride.outputs)

    def _go(self, ride: Ride) -> None:
        for target, source in ride.fill:
            np.copyto(target, source, casting="unsafe")
        for copy in ride.before:
            self._cuda.copy(copy)
        ride.call.enqueue()
        for copy in ride.after:
            self._cuda.copy(copy)
        self._cuda.wait()
        for target, source in ride.take:
            np.copyto(target, source, casting="unsafe")
        ride.call.settle()

    def _ride(self, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray]) -> Ride:
        sizes = bound_sizes(self._stage, self._spec.inputs, inputs)
        check_into(self._stage, self._spec.outputs, inputs, into)
        call, rows = self._call(sizes), sizes.get("B", 0)
        ride = Ride(call, {})
        for name in self._spec.inputs:
            self._up(ride, name, inputs[name])
        for name, spec in self._spec.outputs.items():
            shape = (rows, *call.places[name].shape[1:])
            array = into[name] if name in into else np.empty(shape, spec.dtype)
            if array.shape != shape:
                problem = f"{name} has shape {shape}, not {array.shape}"
                raise InferenceFailed(self._stage, problem)
            self._down(ride, name, array)
        return ride

    def _up(self, ride: Ride, name: str, array: AnyArray) -> None:
        """Plan an input's way: through pinned memory, or on the device."""
        call, rows = ride.call, len(array)
        if isinstance(array, DeviceArray):
            ride.before += self._own(name, array).copies_out(call.at(name), "on")
            return
        staged = call.staged(name)
        ride.fill.append((staged[:rows], array))
        if rows < len(staged):  # rows of nobody: what is real somewhere else does no harm there
            ride.fill.append((staged[rows:], array[-1:]))
        ride.before.append(Copy(call.at(name), call.staged_at(name), staged.nbytes, "to"))

    def _down(self, ride: Ride, name: str, array: AnyArray) -> None:
        """Plan an output's way."""
        call, rows = ride.call, len(array)
        ride.outputs[name] = array
        if isinstance(array, DeviceArray):
            own = self._own(name, array)
            ride.after += own.copies(call.at(name), own.strides, "on")
            return
        size_bytes = rows * call.places[name].row_bytes
        ride.after.append(Copy(call.staged_at(name), call.at(name), size_bytes, "from"))
        ride.take.append((array, call.staged(name)[:rows]))

    def _own(self, name: str, array: DeviceArray) -> CudaArray:
        if not isinstance(array, CudaArray):
            raise InferenceFailed(self._stage, f"{name} lies in another backend's memory")
        return array

    def _call(self, sizes: Mapping[str, int]) -> ShapedCall:
        padded = dict(sizes) | {"B": self._padded(sizes)}
        shapes = {
            name: tuple(padded[s] if isinstance(s, str) else s for s in spec.shape)
            for name, spec in self._spec.inputs.items()
        }
        key = tuple(shapes.values())
        if key not in self._calls:
            profile = self._record.profile_for(padded)
            if profile is None:
                have = ", ".join(f"{name} {size}" for name, size in sizes.items())
                problem = f"the plan holds no shapes of {have}: build it for larger batches"
                raise InferenceFailed(self._stage, problem)
            self._calls[key] = self._new_call(shapes, profile)
        return self._calls[key]

    def _padded(self, sizes: Mapping[str, int]) -> int:
        """Return the power of two that holds the batch, or its size where no plan holds that."""
        rows = sizes["B"]
        larger = 1 << (rows - 1).bit_length()
        held = self._record.profile_for({**sizes, "B": larger}) is not None
        return larger if held else rows
