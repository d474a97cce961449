"""OpenVINO on CPU: bf16 where the processor has it, else fp32 (ADR 0016)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from artifact.config import Precision
from artifact.latency.machine import usable_cores
from artifact.manifest import StageFile
from engine.backends.arrays import HOST
from engine.backends.base import Array, PreparedCalls, check_into
from engine.backends.linked_weights import linked_weights
from engine.errors import InferenceFailed, LoadFailed

_DEVICE = "CPU"
_HINTS: dict[Precision, str] = {"fp32": "f32", "bf16": "bf16"}
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def native_precision(cpuinfo: Path = Path("/proc/cpuinfo")) -> Precision:
    """Return bf16 if the processor multiplies in it, else fp32; fp32 where that is not known.

    The library itself also offers bf16 on processors that would emulate it.
    """
    if not cpuinfo.is_file():
        return "fp32"
    for line in cpuinfo.read_text("utf-8", "replace").splitlines():
        if line.startswith("flags"):
            return "bf16" if _BF16_FLAGS & set(line.split()) else "fp32"
    return "fp32"


_Port = tuple[str, Any]
"""A port's name and its tensor."""


class OpenVinoStage:
    """One compiled model and the one request that runs it.

    The library reads the caller's inputs without a copy. Once it has seen their shapes, it also
    writes outputs into the caller's arrays: a copy of `h` would cost some percent of a block.
    """

    def __init__(self, stage: str, compiled: Any, spec: StageFile) -> None:
        self._stage = stage
        self._request = compiled.create_infer_request()
        self._inputs = tuple(spec.inputs)
        self._outputs = spec.outputs
        self._prepared: PreparedCalls[list[_Port]] = PreparedCalls()
        self._shapes: dict[tuple[tuple[int, ...], ...], dict[str, tuple[int, ...]]] = {}

    def run(
        self, inputs: Mapping[str, Any], into: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Run one batch (see `LoadedStage.run`)."""
        into = into or {}
        known = self._prepared.find(inputs, into)
        try:
            if known is not None:
                self._infer(known)
                return dict(into)
            return self._run(inputs, into)
        except InferenceFailed:
            raise
        except Exception as error:  # the library raises several unrelated classes
            raise InferenceFailed(self._stage, _reason(error)) from error

    def _run(self, inputs: Mapping[str, Array], into: Mapping[str, Array]) -> dict[str, Array]:
        if inputs.keys() != set(self._inputs):  # the library would take the last call's array
            problem = f"inputs {sorted(inputs)} given, {sorted(self._inputs)} needed"
            raise InferenceFailed(self._stage, problem)
        check_into(self._stage, self._outputs, inputs, into)
        arrays = {name: np.require(inputs[name], None, ["C", "W"]) for name in self._inputs}
        tensors = [(n, openvino.Tensor(a, shared_memory=True)) for n, a in arrays.items()]
        sizes = tuple(array.shape for array in arrays.values())
        if sizes not in self._shapes:
            found = self._run_new(tensors, sizes)
            _check_shapes(into, self._shapes[sizes])
            for name, array in into.items():
                np.copyto(array, found[name])
            return {**found, **into}
        shapes = self._shapes[sizes]
        _check_shapes(into, shapes)
        found = {n: into[n] if n in into else np.empty(shapes[n], np.float32) for n in shapes}
        tensors += [(n, openvino.Tensor(a, shared_memory=True)) for n, a in found.items()]
        in_place = all(arrays[name] is inputs[name] for name in arrays)
        if in_place and len(into) == len(self._outputs):
            self._prepared.remember(inputs, into, tensors)
        self._infer(tensors)
        return found

    def _infer(self, tensors: list[_Port]) -> None:
        for name, tensor in tensors:
            self._request.set_tensor(name, tensor)
        self._request.infer()

    def _run_new(
        self, tensors: list[_Port], sizes: tuple[tuple[int, ...], ...]
    ) -> dict[str, Array]:
        """Run shapes not seen before into tensors the library may resize, and copy."""
        for name in self._outputs:
            rank = len(self._request.get_tensor(name).shape)
            self._request.set_tensor(name, openvino.Tensor(openvino.Type.f32, [0] * rank))
        self._infer(tensors)
        found = {name: self._request.get_tensor(name).data.copy() for name in self._outputs}
        self._shapes[sizes] = {name: array.shape for name, array in found.items()}
        return found


class OpenVinoBackend:
    """Loads stages as OpenVINO models with dynamic shapes; weights are found beside the graph."""

    name = "openvino"
    shares_workspace = False
    compiles_shapes = True
    memory = HOST

    def __init__(self, threads: int = 0, precision: Precision | None = None) -> None:
        self.precision: Precision = precision or native_precision()
        self._core = openvino.Core()
        self._settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
            "INFERENCE_NUM_THREADS": threads or usable_cores(),
            "NUM_STREAMS": 1,
        }

    @property
    def library(self) -> str:
        """Return library, version, device and precision."""
        release = openvino.__version__.partition("-")[0]
        return f"openvino {release} {_DEVICE} {self.precision}"

    def load(self, stage: str, path: Path, spec: StageFile) -> OpenVinoStage:
        """Load one graph (see `Backend.load`)."""
        fix = "export the artifact again"
        if linked_weights(path) is not None:
            problem = "OpenVINO follows no link out of an artifact's folder"
            raise LoadFailed(stage, problem, "copy the files there, or use --backend onnxruntime")
        try:
            model = self._core.read_model(str(path))
            _check_names(stage, model, spec)
            if self.precision == "bf16":
                _narrow_tail(model)
            compiled = self._core.compile_model(model, _DEVICE, self._settings)
            used = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        except LoadFailed:
            raise
        except Exception as error:  # the library raises several unrelated classes
            raise LoadFailed(stage, _reason(error), fix) from error
        if used != _HINTS[self.precision]:
            raise LoadFailed(stage, f"compiled for {used}, not {self.precision}", fix)
        return OpenVinoStage(stage, compiled, spec)


def _narrow_tail(model: Any) -> None:
    """Let the last operations compute in bf16 too, as they do inside a larger graph.

    The library computes in fp32 all that follows the last matrix product, for the accuracy of a
    final answer. In a block that is the whole residual stream (ADR 0016). Operations that pick
    single tokens of the output stay in fp32: else the whole output would be converted for them.
    """
    for operation in model.get_ops():
        if operation.get_type_name() != "Slice":
            operation.get_rt_info()["enforceBF16evenForGraphTail"] = "YES"


def _check_shapes(into: Mapping[str, Array], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Compare shapes: the library itself takes any array that is large enough."""
    for name, array in into.items():
        if array.shape != shapes[name]:
            raise ValueError(f"{name} has shape {shapes[name]}, not {array.shape}")


def _reason(error: Exception) -> str:
    """Return the library's message on one line, without the places in its sources."""
    lines = (line.strip() for line in str(error).splitlines())
    return " ".join(line for line in lines if line and not line.startswith("Exception from"))


def _check_names(stage: str, model: Any, spec: StageFile) -> None:
    """Compare ports with the record; a port may have several names."""
    for ports, names in ((model.inputs, spec.inputs), (model.outputs, spec.outputs)):
        known = [port.get_names() for port in ports]
        if len(known) != len(names) or any(not any(n in k for k in known) for n in names):
            problem = f"the graph has {known}, the manifest says otherwise: {sorted(names)}"
            raise LoadFailed(stage, problem, "export the artifact again")
