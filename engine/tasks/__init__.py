"""One module for each task: its input, and how a row is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from artifact.program import Program
from artifact.scoring.measures import CaseFields
from artifact.task import CAPTION, EMBED_IMAGE, EMBED_TEXT, REASON, VQA, TaskName
from engine.rows.row import Row
from engine.tasks.caption import CAPTION_WORK
from engine.tasks.context import CheckedInput, Picture, TaskContext
from engine.tasks.embed import EMBED_IMAGE_WORK, EMBED_TEXT_WORK
from engine.tasks.reason import REASON_WORK
from engine.tasks.vqa import VQA_WORK
from engine.types import Input

Given = TypeVar("Given", bound=Input, contravariant=True)


class EngineTask(Protocol[Given]):
    """How the engine works on one task; `ENGINE_TASKS` has one for each."""

    def read(self, given: Given, context: TaskContext) -> CheckedInput:
        """Check an input and encode its text.

        Raises:
            InvalidInput: naming the field that is wrong.
        """
        ...

    def row(
        self, given: Given, asked: CheckedInput, programs: tuple[Program, ...], context: TaskContext
    ) -> Row:
        """Return a row at its first step, as the variant whose programs these are."""
        ...

    def of_case(self, case: CaseFields, pictures: Sequence[Picture]) -> Input:
        """Return the input that asks what a golden case asks about its pictures."""
        ...


ENGINE_TASKS: dict[TaskName, EngineTask[Any]] = {
    VQA.name: VQA_WORK,
    CAPTION.name: CAPTION_WORK,
    REASON.name: REASON_WORK,
    EMBED_IMAGE.name: EMBED_IMAGE_WORK,
    EMBED_TEXT.name: EMBED_TEXT_WORK,
}
"""How the engine works on each task, by name."""
