"""TensorRT 10 and 11, and TensorRT for RTX: plans from the cache folder, run on the GPU (ADR 0023).

Opening and refusing are tested with the real TensorRT for RTX on machines without a GPU, running is
tested on stand-ins (`tests/engine/backends/tensorrt/`). It has not run on a GPU yet (docs/gpu.md).
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from artifact.config import Precision
from artifact.errors import PlanError, PlanMissing
from artifact.manifest import StageFile, TensorSpec
from artifact.plan import Plan, PlanRecord, PlanTarget, PlanTensor, find_plan
from artifact.store import Artifact
from engine.backends.cuda.arrays import CudaMemory
from engine.backends.cuda.runtime import Cuda, CudaError
from engine.backends.cuda.workspace import Workspace
from engine.backends.stage_memory import stays_in_memory
from engine.backends.tensorrt.call import RuntimeLibrary, Shape, ShapedCall
from engine.backends.tensorrt.detect import LIBRARIES, StartedLibrary
from engine.backends.tensorrt.stage import TensorRtStage
from engine.errors import LoadFailed

_PRECISIONS: tuple[Precision, ...] = ("fp16", "bf16", "fp32")
"""The first precision that has a plan is used."""

_DTYPES = {
    "UINT8": "uint8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
    "FLOAT": "float32",
    "HALF": "float16",
    "BF16": "bfloat16",
}


class TensorRtBackend:
    """Runs an artifact's plans on the first GPU that is visible.

    Args:
        ready: what detection found.
        artifact: whose plans.
        cache_dir: the cache folder they lie in.
        module, runtime: stand-ins for the library and for `cuda.bindings.runtime`.

    Raises:
        LoadFailed: if there are no plans for this library, version and GPU, or CUDA does not start.
    """

    name = "tensorrt"
    shares_workspace = True
    compiles_shapes = True

    def __init__(
        self,
        ready: StartedLibrary,
        artifact: Artifact,
        cache_dir: Path,
        module: Any = None,
        runtime: Any = None,
    ) -> None:
        self._ready, self._artifact, self._cache_dir = ready, artifact, cache_dir
        self._target = _target(ready, artifact, cache_dir)
        self.precision: Precision = self._target.precision
        try:
            self._cuda = Cuda(runtime)
            self.memory = CudaMemory(self._cuda)
            self._library = RuntimeLibrary(module or importlib.import_module(ready.module))
        except (CudaError, ImportError) as error:
            fix = error.fix if isinstance(error, CudaError) else "install it again"
            raise LoadFailed("backend tensorrt", str(error), fix) from error
        self._workspace = Workspace(self._cuda)
        self._lock = threading.Lock()

    @property
    def library(self) -> str:
        """Return library, version, GPU and precision."""
        target, device = self._target, self._ready.device
        return f"{target.library} {target.version} {device} {target.arch} {target.precision}"

    def load(self, stage: str, path: Path, spec: StageFile) -> TensorRtStage:
        """Load a stage's plan (see `Backend.load`); the graph file is what it was built from."""
        if self._artifact.path(spec.file) != path or stage not in self._artifact.manifest.stages:
            problem = f"{path.name} is not its graph, the manifest says otherwise: {spec.file}"
            raise LoadFailed(stage, problem, "export the artifact again")
        try:
            plan = find_plan(self._cache_dir, self._artifact, stage, self._target)
            _check_record(stage, plan, spec)
            engine = self._library.deserialize(plan.read())
            _check_engine(stage, plan, engine)
        except PlanError as error:
            raise LoadFailed(stage, f"{error.path.name}: {error.problem}", error.fix) from error
        except LoadFailed:
            raise
        except Exception as error:  # the library raises several unrelated classes
            raise LoadFailed(stage, " ".join(str(error).split()), plan.fix) from error
        record = plan.record

        def new_call(shapes: Mapping[str, Shape], profile: int) -> ShapedCall:
            inputs = {n: (shape, _numpy(record.inputs[n])) for n, shape in shapes.items()}
            outputs = {name: _numpy(tensor) for name, tensor in record.outputs.items()}
            return ShapedCall(
                self._library, engine, self._cuda, self._workspace, inputs, outputs, profile
            )

        return TensorRtStage(stage, spec, record, self._cuda, self._lock, new_call)


def _target(ready: StartedLibrary, artifact: Artifact, cache_dir: Path) -> PlanTarget:
    """Return the target of the plans to run: this library and GPU, the first precision with plans.

    Raises:
        LoadFailed: there are none, or only for another GPU or version.
    """
    reported: PlanError | None = None
    for precision in _PRECISIONS:
        target = PlanTarget(
            library=LIBRARIES[ready.module],
            version=ready.version,
            arch=ready.arch,
            precision=precision,
        )
        for stage in artifact.manifest.stages:
            try:
                find_plan(cache_dir, artifact, stage, target)
            except PlanError as error:
                unusable = type(error) is not PlanMissing  # there is a plan: say what is wrong
                if reported is None or (unusable and type(reported) is PlanMissing):
                    reported = error
            else:
                return target
    assert reported is not None
    raise LoadFailed("backend tensorrt", reported.problem, reported.fix) from reported


def _numpy(tensor: PlanTensor) -> np.dtype[Any]:
    return np.dtype(tensor.dtype)


def _check_record(stage: str, plan: Plan, spec: StageFile) -> None:
    """Compare a plan's inputs and outputs with the manifest's.

    Dtypes may differ where the host converts. Tensors that stay on the device are not converted.
    """
    record = plan.record
    sides: tuple[tuple[Mapping[str, PlanTensor], Mapping[str, TensorSpec]], ...] = (
        (record.inputs, spec.inputs),
        (record.outputs, spec.outputs),
    )
    for found, wanted in sides:
        if found.keys() != wanted.keys():
            problem = f"the plan has {sorted(found)}, the manifest says otherwise: {sorted(wanted)}"
            raise LoadFailed(stage, problem, plan.fix)
        for name, tensor in found.items():
            kept = stays_in_memory(name) and tensor.dtype != wanted[name].dtype
            if tensor.dtype == "bfloat16" or kept:
                problem = f"the plan's {name} is {tensor.dtype}, not {wanted[name].dtype}"
                raise LoadFailed(stage, problem, plan.fix)


def _check_engine(stage: str, plan: Plan, engine: Any) -> None:
    """Compare the engine with its record."""
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    found = {name: _DTYPES.get(engine.get_tensor_dtype(name).name) for name in names}
    record: PlanRecord = plan.record
    wanted = {name: tensor.dtype for name, tensor in (record.inputs | record.outputs).items()}
    if found != wanted:
        raise LoadFailed(stage, f"the plan has {found}, its record says otherwise", plan.fix)
