"""Plans that the stand-in for TensorRT reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
from tests.engine.backends.tensorrt.fake_library import MAX_BATCH

TARGET = PlanTarget(library="tensorrt-rtx", version="1.7.1.116", arch="sm_89", precision="fp32")


def write_plans(
    cache_dir: Path,
    artifact: Artifact,
    target: PlanTarget = TARGET,
    dtypes: Mapping[str, str] | None = None,
    **changes: Any,
) -> None:
    """Write a plan of every stage; `dtypes` replace the manifest's."""
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
