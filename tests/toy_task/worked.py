"""5. The engine: what a request gives it, and how a row is made of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from artifact.task import TaskName
from engine.tasks.context import Picture
from engine.tasks.one_pass import OnePassWork
from tests.toy_task.task import LABELS, SIZE


@dataclass(frozen=True)
class SizeInput:
    """One picture, uint8 RGB [S, S, 3], and what is asked about it."""

    task: ClassVar[TaskName] = SIZE.name

    pixels: Picture
    prompt: str


SIZE_WORK = OnePassWork[SizeInput](
    SIZE,
    pictures=lambda given: (given.pixels,),
    text=lambda given: given.prompt,
    top_k=lambda given: len(LABELS),
    make=lambda text, pictures: SizeInput(pictures[0], text),
)
