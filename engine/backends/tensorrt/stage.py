"""A stage on TensorRT: inputs to the device, one launch, outputs from it (ADR 0023).

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
from engine.backends.base import PreparedCalls, bound_sizes, check_into
from engine.backends.cuda.arrays import CudaArray
from engine.backends.cuda.runtime import Copy, Cuda, CudaError
from engine.backends.tensorrt.call import Shape, ShapedCall
from engine.errors import InferenceFailed

NewCall = Callable[[Mapping[str, Shape], int], ShapedCall]
"""Makes a call for these shapes of the inputs under an optimization profile."""


@dataclass
class CallPlan:
    """What is copied before and after a call on the same arrays, in this order.

    Attributes:
        call: what runs in between.
        outputs: the arrays to return, by name.
        to_pinned: (target, source) on the host: inputs into pinned memory.
        before: copies into the workspace.
        after: copies out of the workspace.
        from_pinned: (target, source) on the host: outputs out of pinned memory.
    """

    call: ShapedCall
    outputs: dict[str, Any]
    to_pinned: list[tuple[Array, Array]] = field(default_factory=list)
    before: list[Copy] = field(default_factory=list)
    after: list[Copy] = field(default_factory=list)
    from_pinned: list[tuple[Array, Array]] = field(default_factory=list)


class TensorRtStage:
    """One engine and its calls by shape. Batches are padded to a power of two, if a plan holds it.

    Args:
        stage: its name.
        spec: the manifest's record.
        record: of the plan.
        cuda: where it runs.
        lock: held while a call uses the workspace; all stages of a backend share it.
        new_call: makes a call for shapes not met before.
    """

    def __init__(
        self,
        stage: str,
        spec: StageFile,
        record: PlanRecord,
        cuda: Cuda,
        lock: threading.Lock,
        new_call: NewCall,
    ) -> None:
        self._stage, self._spec, self._record = stage, spec, record
        self._cuda, self._lock, self._new_call = cuda, lock, new_call
        self._calls: dict[tuple[Shape, ...], ShapedCall] = {}
        self._prepared: PreparedCalls[CallPlan] = PreparedCalls()

    def run(
        self, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray] | None = None
    ) -> dict[str, Any]:
        """Run one batch (see `LoadedStage.run`)."""
        into = into or {}
        with self._lock:
            try:
                plan = self._prepared.find(inputs, into) if into else None
                if plan is None:
                    plan = self._plan(inputs, into)
                    all_given = len(into) == len(self._spec.outputs)
                    if all_given and self._prepared.seen_lately(inputs, into):
                        self._prepared.remember(inputs, into, plan)
                self._execute(plan)
            except InferenceFailed:
                raise
            except Exception as error:  # the libraries raise several unrelated classes
                with suppress(CudaError):
                    self._cuda.wait()
                reason = " ".join(str(error).split()) or repr(error)
                raise InferenceFailed(self._stage, reason) from error
        return dict(plan.outputs)

    def _execute(self, plan: CallPlan) -> None:
        for target, source in plan.to_pinned:
            np.copyto(target, source, casting="unsafe")
        for copy in plan.before:
            self._cuda.copy(copy)
        plan.call.enqueue()
        for copy in plan.after:
            self._cuda.copy(copy)
        self._cuda.wait()
        for target, source in plan.from_pinned:
            np.copyto(target, source, casting="unsafe")
        plan.call.capture_once()

    def _plan(self, inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray]) -> CallPlan:
        sizes = bound_sizes(self._stage, self._spec.inputs, inputs)
        check_into(self._stage, self._spec.outputs, inputs, into)
        call, rows = self._call(sizes), sizes.get("B", 0)
        plan = CallPlan(call, {})
        for name in self._spec.inputs:
            self._plan_input(plan, name, inputs[name])
        for name, spec in self._spec.outputs.items():
            shape = (rows, *call.locations[name].shape[1:])
            array = into[name] if name in into else np.empty(shape, spec.dtype)
            if array.shape != shape:
                problem = f"{name} has shape {shape}, not {array.shape}"
                raise InferenceFailed(self._stage, problem)
            self._plan_output(plan, name, array)
        return plan

    def _plan_input(self, plan: CallPlan, name: str, array: AnyArray) -> None:
        """Add an input's copies: through pinned memory, or within the device."""
        call, rows = plan.call, len(array)
        if isinstance(array, DeviceArray):
            own = self._own_array(name, array)
            plan.before += own.copies_out(call.device_address(name), "on")
            return
        pinned = call.pinned_array(name)
        plan.to_pinned.append((pinned[:rows], array))
        if rows < len(pinned):  # padding rows repeat the last real one, whose numbers are valid
            plan.to_pinned.append((pinned[rows:], array[-1:]))
        source = call.pinned_address(name)
        plan.before.append(Copy(call.device_address(name), source, pinned.nbytes, "to"))

    def _plan_output(self, plan: CallPlan, name: str, array: AnyArray) -> None:
        """Add an output's copies."""
        call, rows = plan.call, len(array)
        plan.outputs[name] = array
        if isinstance(array, DeviceArray):
            own = self._own_array(name, array)
            plan.after += own.copies(call.device_address(name), own.strides, "on")
            return
        size_bytes = rows * call.locations[name].row_bytes
        source = call.device_address(name)
        plan.after.append(Copy(call.pinned_address(name), source, size_bytes, "from"))
        plan.from_pinned.append((array, call.pinned_array(name)[:rows]))

    def _own_array(self, name: str, array: DeviceArray) -> CudaArray:
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
