"""A TensorRT backend on stand-ins for library and device, and plans for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artifact.manifest import StageFile
from artifact.plan import (
    OptimizationProfile,
    PlanRecord,
    PlanTarget,
    PlanTensor,
    SizeRange,
    plan_path,
    write_plan,
)
from artifact.store import Artifact
from engine.backends.arrays import AnyArray
from engine.backends.base import LoadedStage
from engine.backends.tensorrt.backend import TensorRtBackend
from engine.backends.tensorrt.detect import Ready
from engine.kept import places_for_kept, with_kept
from tests.engine.backends.cuda.fake_runtime import FakeCuda
from tests.engine.backends.tensorrt.fake_library import MAX_BATCH, FakeTensorRt
from tests.engine.fakes import FakeBackend, Hook
from tests.engine.tiny_gallery import inputs_of
from tests.engine.tiny_model import TinyModel
from tests.engine.tiny_whole import WHOLE

Named = dict[str, Any]
READY = Ready("tensorrt_rtx", "1.7.1.116", "Imagined GPU", "sm_89", "13.0", "13.0")
TARGET = PlanTarget(library="tensorrt-rtx", version="1.7.1.116", arch="sm_89", precision="fp32")


def write_plans(
    cache_dir: Path,
    artifact: Artifact,
    target: PlanTarget = TARGET,
    dtypes: Mapping[str, str] | None = None,
    **changes: Any,
) -> None:
    """Write a plan of every stage; `dtypes` are those a plan has instead of the manifest's."""
    for stage, spec in artifact.manifest.stages.items():
        sides = [
            {
                name: PlanTensor(dtype=(dtypes or {}).get(name, one.dtype), shape=one.shape)  # type: ignore[arg-type]
                for name, one in side.items()
            }
            for side in (spec.inputs, spec.outputs)
        ]
        symbols = {s for one in spec.inputs.values() for s in one.shape if isinstance(s, str)}
        wide = {s: SizeRange(smallest=1, usual=4, largest=64) for s in symbols - {"B"}}
        profiles = [
            OptimizationProfile(sizes={**wide, "B": SizeRange(smallest=a, usual=b, largest=b)})
            for a, b in ((1, 1), (2, MAX_BATCH))
        ]
        tensors = [{n: (t.dtype, t.shape) for n, t in side.items()} for side in sides]
        content = {"stage": stage, "inputs": tensors[0], "outputs": tensors[1]}
        data = json.dumps(content).encode()
        fields = {
            "stage": stage,
            "artifact": artifact.hash,
            "graph_sha256": artifact.manifest.files[spec.file].sha256,
            "source": "0" * 64,
            "target": target,
            "inputs": sides[0],
            "outputs": sides[1],
            "profiles": profiles,
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_bytes": len(data),
            "build_s": 0.0,
        }
        record = PlanRecord.model_validate(fields | changes)
        write_plan(plan_path(cache_dir, artifact, stage, target), data, record)


class Stand:
    """A backend on stand-ins: `cuda` and `trt` can be watched and broken."""

    def __init__(
        self, artifact: Artifact, cache_dir: Path, model: TinyModel = WHOLE, rtx: bool = True
    ) -> None:
        self.artifact, self.cache_dir = artifact, cache_dir
        self.cuda = FakeCuda()
        self.trt = FakeTensorRt(self.cuda, model, rtx)
        self.backend = TensorRtBackend(READY, artifact, cache_dir, self.trt, self.cuda)

    def load(self, stage: str = "block[0]") -> LoadedStage:
        spec = self.artifact.manifest.stages[stage]
        return self.backend.load(stage, self.artifact.path(spec.file), spec)

    def kept_call(self, stage: str, batch: int, seed: int) -> tuple[Named, Named]:
        """Inputs and places as the engine has them."""
        manifest, memory = self.artifact.manifest, self.backend.memory
        inputs = with_kept(memory, inputs_of(stage, batch, seed))
        return inputs, places_for_kept(manifest, memory, stage, inputs)


class Watching:
    """A backend whose every call goes through a fake one's hook first."""

    def __init__(self, backend: TensorRtBackend, hook: FakeBackend) -> None:
        self._backend, self._hook = backend, hook
        for name in ("name", "precision", "library", "shares_workspace", "compiles_shapes"):
            setattr(self, name, getattr(backend, name))
        self.memory = backend.memory
        self.calls, self.gate = hook.calls, hook.gate

    @property
    def hook(self) -> Hook:
        return self._hook.hook

    @hook.setter
    def hook(self, hook: Hook) -> None:
        self._hook.hook = hook

    def load(self, stage: str, path: Path, spec: StageFile) -> LoadedStage:
        loaded = self._backend.load(stage, path, spec)
        run = loaded.run

        def watched(inputs: Mapping[str, AnyArray], into: Named | None = None) -> Named:
            assert self.gate.wait(20)
            self._hook.hook(stage, inputs)  # type: ignore[arg-type]
            return run(inputs, into)

        loaded.run = watched  # type: ignore[method-assign]
        return loaded
