"""A DAS recipe on a few coloured squares, and a run of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from artifact.task import VQA
from tests.tuning.finetuning.tiny import recipe

SEARCHED: dict[str, Any] = {
    "kind": "das",
    "skipped": 2,
    "search_steps": 5,
    "warmup_steps": 1,
    "interval": 2,
    "draws": 2,
    "beside": 3,
    "replacing": 6,
}


def das(squares: Path, base: Path, **changes: Any) -> dict[str, Any]:
    said = recipe(squares, run={"steps": 4, "checkpoint_every": 1})
    only = {VQA.name: said["tasks"][VQA.name]}
    method = {**SEARCHED, **changes}
    method = {name: value for name, value in method.items() if value is not None}
    return {**said, "model": {"checkpoint": str(base)}, "method": method, "tasks": only}
