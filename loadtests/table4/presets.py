"""What is measured: which model, at which sizes, in which batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from artifact.task import TaskName
from loadtests.kit.asking.tasks import ASKED
from loadtests.kit.asking.tasks.asked import PassWork
from loadtests.kit.errors import BenchError


@dataclass(frozen=True)
class Preset:
    """A model of random weights (right shapes and costs, meaningless answers) and its work."""

    name: str
    model: str
    work: Mapping[TaskName, PassWork]

    def gallery(self, task: TaskName) -> str:
        """Return the folder of a task's gallery."""
        return f"table4-{self.model}-{task}-{self.work[task].image_px}"


def _preset(name: str, model: str) -> Preset:
    return Preset(name, model, {task: asked.table4[name] for task, asked in ASKED.items()})


CPU = _preset("cpu", "beit3_base")
"""Fits two cores: everything in twelve minutes, fifteen rounds."""

LARGE = _preset("paper", "beit3_large")
"""The paper's model, picture sizes and batches; it does not give a caption's words: 16 is ours."""

PRESETS = {preset.name: preset for preset in (CPU, LARGE)}


def preset_named(name: str) -> Preset:
    """Return a preset.

    Raises:
        BenchError: there is none of that name.
    """
    if name not in PRESETS:
        raise BenchError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
