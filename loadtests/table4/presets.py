"""What is measured: which model, at which sizes, in which batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from artifact.task import TaskName
from loadtests.kit.errors import BenchError


@dataclass(frozen=True)
class Work:
    """One pass: so many requests, pictures of so many pixels a side, so many words of a caption.

    A request is a question, a statement about two pictures, or a caption.
    """

    image_px: int
    batch: int
    words: int = 0


@dataclass(frozen=True)
class Preset:
    """A model of random weights (right shapes and costs, meaningless answers) and its work."""

    name: str
    model: str
    work: Mapping[TaskName, Work]

    def gallery(self, task: TaskName) -> str:
        """Return the folder of a task's gallery."""
        return f"table4-{self.model}-{task}-{self.work[task].image_px}"


CPU = Preset(
    "cpu",
    "beit3_base",
    {"vqa": Work(224, 4), "reason": Work(224, 4), "caption": Work(224, 4, words=8)},
)
"""Fits two cores: everything in twelve minutes, fifteen rounds."""

LARGE = Preset(
    "paper",
    "beit3_large",
    {"vqa": Work(480, 16), "reason": Work(224, 32), "caption": Work(480, 32, words=16)},
)
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
