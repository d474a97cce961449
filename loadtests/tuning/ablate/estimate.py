"""How long a grid would take: a few steps of each kind, here and now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from loadtests.kit.processes.child import run_child
from loadtests.kit.progress import Report
from loadtests.tuning.ablate.run import AblationRun, in_order

_MODULE = "tuning.finetuning.ablated.rehearsed"
_START_S = 12.0
"""Loading torch, data and the checkpoint."""
_FORWARD_SHARE = 0.35
"""What a forward pass takes of a step."""


def seconds_of(runs: Sequence[AblationRun], report: Report) -> dict[str, float]:
    """Return the expected seconds of each run on one core, by key.

    Raises:
        BenchError: steps cannot be taken here.
    """
    found: dict[str, float] = {}
    steps_s: dict[str, float] = {}
    every = in_order(runs)
    for number, run in enumerate(every):
        report(f"trying a few steps for {run.arm}", number / len(every))
        if run.as_long_as is not None:
            other, share = run.as_long_as
            found[run.key] = _START_S + share * found[other.key]
        elif run.rehearsed is not None:
            wanted = json.dumps(run.rehearsed, sort_keys=True)
            if wanted not in steps_s:
                said = run_child(_MODULE, [wanted], f"trying steps for {run.name}")
                steps_s[wanted] = float(json.loads(said)["step_cpu_s"])
            found[run.key] = _expected_s(run.settings, steps_s[wanted])
    return found


def _expected_s(settings: Mapping[str, Any], step_s: float) -> float:
    """Return seconds of the steps, and of asking each depth about the examples."""
    recipe = settings["recipe"]
    batch = sum(task["batch"] for task in recipe["tasks"].values())
    depths = len(settings.get("depths") or ()) or _usual_depths(recipe)
    asked = settings["examples"] * (depths + 1) / 2 / batch
    steps: float = recipe["run"]["steps"] + _FORWARD_SHARE * asked
    return _START_S + step_s * steps


def _usual_depths(recipe: Mapping[str, Any]) -> int:
    shape: Mapping[str, int] = recipe["model"].get("shape", {})
    return shape.get("orders", 8)
