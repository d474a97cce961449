"""What runs could have found: qualities that follow from depth, arm and seed, for summaries."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from loadtests.tuning.ablate.plans import ABLATIONS
from loadtests.tuning.ablate.run import TUNED, AblationRun, in_order
from loadtests.tuning.ablate.scale import QUICK, AblationScale

NAMES = tuple(ABLATIONS)


def found_by(
    runs: Sequence[AblationRun], scale: AblationScale = QUICK
) -> dict[str, dict[str, Any]]:
    """Return what every run found."""
    return {
        run.key: _tuned(run, scale) if run.module == TUNED else _steps() for run in in_order(runs)
    }


def _tuned(run: AblationRun, scale: AblationScale) -> dict[str, Any]:
    del scale
    drawn = zlib.crc32(run.key.encode()) % 100 / 1000
    depths = run.settings.get("depths") or range(1, 9)
    return {
        "steps": run.settings["recipe"]["run"]["steps"],
        "step_cpu_s": 0.1,
        "cpu_s": 10.0,
        "parameters": 1_000_000,
        "tuned_parameters": 20_000 + 1000 * len(run.arm),
        "adapter_bytes": 50_000,
        "serving": [1.0, 1.1, 1.2],
        "quality": {
            task: {str(depth): 0.5 + 0.04 * depth + drawn for depth in depths}
            for task in run.settings["reports"]
        },
    }


def _steps() -> dict[str, Any]:
    full = [1.0, 1.1, 1.05]
    step_s = {"full": full, "otmv": [1.02, 1.12, 1.06], "open": [1.1, 1.2, 1.12]}
    return {"step_s": step_s, "memory_mb": 500.0, "parameters": {}}
