"""An artifact's golden record, and the check of stages against it (docs/architecture.md)."""

from __future__ import annotations

from artifact.config import Precision
from artifact.golden import read_stage_cases, relative_l2
from artifact.store import Artifact
from artifact.task import TaskName
from engine.errors import ParityFailed
from engine.residency.stages import StageSet

PARITY_LIMITS: dict[Precision, float] = {"fp32": 1e-5, "bf16": 2e-2, "fp16": 2e-2}
"""Largest relative L2 of any stage output against its torch reference."""

QUALITY_LIMIT = 0.005
"""Largest loss of golden quality: half a point of accuracy."""


def check_parity(artifact: Artifact, stages: StageSet, precision: Precision) -> dict[str, float]:
    """Run the golden stage cases of loaded stages; return the worst relative L2 per stage.

    Raises:
        ParityFailed: naming the stage and its number.
    """
    if artifact.manifest.golden is None:
        return {}
    worst: dict[str, float] = {}
    for case in read_stage_cases(artifact.path(artifact.manifest.golden.stages)):
        if case.stage not in stages.loaded:
            continue
        outputs = stages.run(case.stage, case.inputs)
        for name, reference in case.outputs.items():
            error = relative_l2(outputs[name], reference)
            worst[case.stage] = max(worst.get(case.stage, 0.0), error)
    for stage, error in worst.items():
        if not error <= PARITY_LIMITS[precision]:
            raise ParityFailed(stage, error, PARITY_LIMITS[precision], "relative L2")
    return worst


Measured = dict[tuple[TaskName, str], float]
"""(task, variant) to golden quality on some backend, in 0..1."""


def on_record(artifact: Artifact, resident_keys: int) -> dict[TaskName, list[str]]:
    """Return the resident variants with a golden quality, per task, shallow to deep."""
    manifest = artifact.manifest
    if manifest.golden is None or manifest.golden.cases is None:
        return {}
    key_of_order = manifest.config.key_of_order
    ascending = sorted(manifest.variants, key=lambda variant: len(variant.pattern))
    resident = [v.id for v in ascending if key_of_order[v.pattern[-1]] < resident_keys]
    named = {task: [v for v in resident if v in of] for task, of in manifest.golden.quality.items()}
    return {task: variants for task, variants in named.items() if variants}


def golden_loss(artifact: Artifact, task: TaskName, variant: str, measured: float) -> float:
    """Return how far a measured golden quality lies below the record; negative if above."""
    golden = artifact.manifest.golden
    return golden.quality[task][variant] - measured if golden is not None else 0.0
