"""A question about a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from artifact.task import VQA, TaskName
from engine.tasks.context import Picture
from engine.tasks.one_pass import OnePassWork


@dataclass(frozen=True)
class VqaInput:
    """One question about one picture; pixels uint8 RGB [S, S, 3]."""

    task: ClassVar[TaskName] = VQA.name

    pixels: Picture
    question: str
    top_k: int = 5


VQA_WORK = OnePassWork[VqaInput](
    VQA,
    pictures=lambda given: (given.pixels,),
    text=lambda given: given.question,
    top_k=lambda given: given.top_k,
    make=lambda text, pictures: VqaInput(pictures[0], text, top_k=1),
)
"""How the engine answers questions."""
