"""A picture, or a text, as a vector."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from artifact.program import Program
from artifact.scoring.measures import CaseFields
from artifact.task import EMBED_IMAGE, EMBED_TEXT, TASKS, TaskName
from engine.rows.vector import VectorRow
from engine.tasks.context import CheckedInput, Picture, TaskContext
from engine.types import Input


@dataclass(frozen=True)
class EmbedImageInput:
    """One picture, uint8 RGB [S, S, 3]; `every_stop`: of each variant that it passes."""

    task: ClassVar[TaskName] = EMBED_IMAGE.name

    pixels: Picture
    every_stop: bool = False


@dataclass(frozen=True)
class EmbedTextInput:
    """One text; `every_stop`: of each variant that it passes."""

    task: ClassVar[TaskName] = EMBED_TEXT.name

    text: str
    every_stop: bool = False

    @property
    def pixels(self) -> None:
        """None: it has no picture."""


Given = TypeVar("Given", EmbedImageInput, EmbedTextInput)


class EmbedWork(ABC, Generic[Given]):
    """Makes vectors: of pictures, or of texts."""

    @abstractmethod
    def read(self, given: Given, context: TaskContext) -> CheckedInput:
        """Check the picture, or encode the text; see `EngineTask.read`."""

    @abstractmethod
    def of_case(self, case: CaseFields, pictures: Sequence[Picture]) -> Input:
        """Return the picture, or the text, of a golden case; see `EngineTask.of_case`."""

    def row(
        self, given: Given, asked: CheckedInput, programs: tuple[Program, ...], context: TaskContext
    ) -> VectorRow:
        """Return a row at its first step; see `EngineTask.row`."""
        manifest, task, pixels = context.family.manifest, TASKS[given.task], given.pixels
        row = VectorRow(manifest, task, programs[0], pixels, asked.tokens, asked.bucket)
        row.every_stop = asked.every_stop
        return row


class EmbedImageWork(EmbedWork[EmbedImageInput]):
    """Makes vectors of pictures."""

    def read(self, given: EmbedImageInput, context: TaskContext) -> CheckedInput:
        """Check the picture."""
        context.check_picture(given.task, given.pixels)
        return CheckedInput(every_stop=given.every_stop)

    def of_case(self, case: CaseFields, pictures: Sequence[Picture]) -> EmbedImageInput:
        """Return a case's picture."""
        return EmbedImageInput(pictures[0])


class EmbedTextWork(EmbedWork[EmbedTextInput]):
    """Makes vectors of texts."""

    def read(self, given: EmbedTextInput, context: TaskContext) -> CheckedInput:
        """Encode the text."""
        tokens, bucket = context.encode("text", given.text)
        return CheckedInput(tokens=tokens, bucket=bucket, every_stop=given.every_stop)

    def of_case(self, case: CaseFields, pictures: Sequence[Picture]) -> EmbedTextInput:
        """Return a case's text."""
        return EmbedTextInput(case.text or "")


EMBED_IMAGE_WORK = EmbedImageWork()
"""How the engine makes vectors of pictures."""

EMBED_TEXT_WORK = EmbedTextWork()
"""How the engine makes vectors of texts."""
