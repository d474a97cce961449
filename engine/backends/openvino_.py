"""OpenVINO on CPU: bf16 where the processor has it, else fp32 (design §3, ADR 0016)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from artifact.manifest import Precision, StageFile
from engine.backends.base import Array
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


class OpenVinoStage:
    """One compiled model and the one request that runs it."""

    def __init__(self, stage: str, compiled: Any, spec: StageFile) -> None:
        self._stage = stage
        self._request = compiled.create_infer_request()
        self._inputs = frozenset(spec.inputs)
        self._outputs = tuple(spec.outputs)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run one batch (see `LoadedStage.run`). The library reads the inputs where they lie."""
        if inputs.keys() != self._inputs:  # the library would take the last call's array
            raise InferenceFailed(
                self._stage, f"inputs {sorted(inputs)} given, {sorted(self._inputs)} needed"
            )
        try:
            tensors = {
                name: openvino.Tensor(
                    np.require(array, requirements=["C", "W"]), shared_memory=True
                )
                for name, array in inputs.items()
            }
            found = self._request.infer(tensors)  # copies the outputs
            return {name: found[name] for name in self._outputs}
        except Exception as error:  # the library raises several unrelated classes
            raise InferenceFailed(self._stage, _reason(error)) from error


class OpenVinoBackend:
    """Loads stages as OpenVINO models with dynamic shapes; weights are found beside the graph."""

    name = "openvino"
    shares_workspace = False
    compiles_shapes = True

    def __init__(self, threads: int = 0, precision: Precision | None = None) -> None:
        affinity = getattr(os, "sched_getaffinity", None)
        cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
        self.precision: Precision = precision or native_precision()
        self._core = openvino.Core()
        self._settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
            "INFERENCE_NUM_THREADS": threads or cores,
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
        try:
            model = self._core.read_model(str(path))
            _check_names(stage, model, spec)
            compiled = self._core.compile_model(model, _DEVICE, self._settings)
            used = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        except LoadFailed:
            raise
        except Exception as error:  # the library raises several unrelated classes
            raise LoadFailed(stage, _reason(error), fix) from error
        if used != _HINTS[self.precision]:
            raise LoadFailed(stage, f"compiled for {used}, not {self.precision}", fix)
        return OpenVinoStage(stage, compiled, spec)


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
