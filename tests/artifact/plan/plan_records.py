"""A plan's record for tests, and what it is a record of."""

from __future__ import annotations

import hashlib
from typing import Any

from artifact.plan import OptimizationProfile, PlanRecord, PlanTarget, PlanTensor, SizeRange
from artifact.store import Artifact

TARGET = PlanTarget(library="tensorrt-rtx", version="1.7.1", arch="sm_89", precision="fp16")
STAGE = "block[0]"
BYTES = b"a serialized engine"


def record(of: Artifact, **changes: Any) -> PlanRecord:
    """Return the record of a plan of an artifact's `STAGE`, with some fields changed."""
    alone = OptimizationProfile(sizes={"B": SizeRange(smallest=1, usual=1, largest=1)})
    many = OptimizationProfile(sizes={"B": SizeRange(smallest=2, usual=8, largest=8)})
    fields = {
        "stage": STAGE,
        "artifact": of.hash,
        "graph_sha256": of.manifest.files[of.manifest.stages[STAGE].file].sha256,
        "source": "0" * 64,
        "target": TARGET,
        "inputs": {"h": PlanTensor(dtype="float32", shape=("B", "N", 4))},
        "outputs": {"h_out": PlanTensor(dtype="float32", shape=("B", "N", 4))},
        "profiles": (alone, many),
        "sha256": hashlib.sha256(BYTES).hexdigest(),
        "size_bytes": len(BYTES),
        "build_s": 0.5,
        "toolchain": {"onnx": "1.23"},
    }
    return PlanRecord.model_validate(fields | changes)
