"""A statement about two pictures, true or false."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from artifact.scoring.measures import TRUTHS
from artifact.task import REASON, TaskName
from engine.tasks.context import Picture
from engine.tasks.one_pass import OnePassWork


@dataclass(frozen=True)
class ReasonInput:
    """A statement about two pictures, left and right; each uint8 RGB [S, S, 3]."""

    task: ClassVar[TaskName] = REASON.name

    pixels: tuple[Picture, Picture]
    statement: str


REASON_WORK = OnePassWork[ReasonInput](
    REASON,
    pictures=lambda given: given.pixels,
    text=lambda given: given.statement,
    top_k=lambda given: len(TRUTHS),
    make=lambda text, pictures: ReasonInput((pictures[0], pictures[1]), text),
)
"""How the engine judges statements."""
