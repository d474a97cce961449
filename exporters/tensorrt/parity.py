"""Parity of built plans: each golden stage case through the backend that runs them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from artifact.golden import read_stage_cases, relative_l2
from artifact.manifest import ParityRecord
from artifact.store import Artifact
from engine.backends.base import Backend
from engine.errors import ParityFailed
from engine.opening.golden import PARITY_LIMITS


def check_plans(artifact: Artifact, backend: Backend, stages: Sequence[str]) -> list[ParityRecord]:
    """Run the golden cases of the stages; a stage's worst output is its record.

    Args:
        artifact: with golden stage cases; those of a whole variant are its composed stages'.
        backend: open, and able to load the artifact's stages.
        stages: by name; those without cases are left out.

    Raises:
        ParityFailed: a stage is beyond the limit of the backend's precision.
        BackendError: a stage cannot be loaded or run.
    """
    golden = artifact.manifest.golden
    cases = () if golden is None else read_stage_cases(artifact.path(golden.stages))
    limit, found = PARITY_LIMITS[backend.precision], []
    for stage in stages:
        own = [case for case in cases if case.stage == stage]
        if not own:
            continue
        record = artifact.manifest.stages[stage]
        loaded = backend.load(stage, artifact.path(record.file), record)
        worst = 0.0
        for case in own:
            outputs = loaded.run(dict(case.inputs))
            errors = [relative_l2(np.asarray(outputs[n]), ref) for n, ref in case.outputs.items()]
            worst = max(worst, *errors)
        if not worst <= limit:
            raise ParityFailed(stage, worst, limit, "relative L2")
        found.append(
            ParityRecord(
                stage=stage, backend=backend.name, precision=backend.precision, relative_l2=worst
            )
        )
    return found
