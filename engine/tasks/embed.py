"""A picture, or a text, as a vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from artifact.program import Program
from artifact.task import EMBED_IMAGE, EMBED_TEXT, CaseFields, TaskName
from engine.rows.vector import VectorRow
from engine.tasks.context import CheckedInput, Picture, TaskContext


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


class EmbedImageWork:
    """Makes vectors of pictures."""

    def read(self, given: EmbedImageInput, context: TaskContext) -> CheckedInput:
        """Check the picture; see `EngineTask.read`."""
        context.check_picture(given.task, given.pixels)
        return CheckedInput(every_stop=given.every_stop)

    def row(
        self,
        given: EmbedImageInput,
        asked: CheckedInput,
        programs: tuple[Program, ...],
        context: TaskContext,
    ) -> VectorRow:
        """Return a row at its first step; see `EngineTask.row`."""
        manifest = context.family.manifest
        return VectorRow(manifest, EMBED_IMAGE, programs[0], given.pixels, (), 0, given.every_stop)

    def of_case(self, case: CaseFields, pictures: Sequence[Picture]) -> EmbedImageInput:
        """Return the picture of a golden case; see `EngineTask.of_case`."""
        return EmbedImageInput(pictures[0])


class EmbedTextWork:
    """Makes vectors of texts."""

    def read(self, given: EmbedTextInput, context: TaskContext) -> CheckedInput:
        """Encode the text; see `EngineTask.read`."""
        tokens, bucket = context.encode("text", given.text)
        return CheckedInput(tokens=tokens, bucket=bucket, every_stop=given.every_stop)

    def row(
        self,
        given: EmbedTextInput,
        asked: CheckedInput,
        programs: tuple[Program, ...],
        context: TaskContext,
    ) -> VectorRow:
        """Return a row at its first step; see `EngineTask.row`."""
        manifest = context.family.manifest
        return VectorRow(
            manifest, EMBED_TEXT, programs[0], None, asked.tokens, asked.bucket, given.every_stop
        )

    def of_case(self, case: CaseFields, pictures: Sequence[Picture]) -> EmbedTextInput:
        """Return the text of a golden case; see `EngineTask.of_case`."""
        return EmbedTextInput(case.text or "")


EMBED_IMAGE_WORK = EmbedImageWork()
"""How the engine makes vectors of pictures."""

EMBED_TEXT_WORK = EmbedTextWork()
"""How the engine makes vectors of texts."""
