"""A picture to describe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from artifact.program import Program
from artifact.scoring.measures import CaseFields
from artifact.task import CAPTION, TaskName
from engine.errors import InvalidInput
from engine.rows.caption.beams import BeamSearch
from engine.rows.caption.row import CaptionRow
from engine.tasks.context import CheckedInput, Picture, TaskContext


@dataclass(frozen=True)
class CaptionInput:
    """One picture to describe; pixels uint8 RGB [S, S, 3].

    `max_new_tokens` None: the artifact's own limit. `num_beams` 1: greedy.
    """

    task: ClassVar[TaskName] = CAPTION.name

    pixels: Picture
    max_new_tokens: int | None = None
    num_beams: int = 1


class CaptionWork:
    """Writes words, one after another, about one picture."""

    def read(self, given: CaptionInput, context: TaskContext) -> CheckedInput:
        """Check the picture, the bound of words and the beams; see `EngineTask.read`."""
        context.check_picture(given.task, given.pixels)
        check_caption(given.max_new_tokens, given.num_beams, context.max_beams)
        return CheckedInput(words=given.max_new_tokens, beams=given.num_beams)

    def row(
        self,
        given: CaptionInput,
        asked: CheckedInput,
        programs: tuple[Program, ...],
        context: TaskContext,
    ) -> CaptionRow:
        """Return a row at the image pass's first step; see `EngineTask.row`.

        It writes `asked.words` words at most, [EOS] counted.
        """
        if context.texts is None:
            raise InvalidInput("task", "this artifact has no captions")
        manifest = context.family.manifest
        limit = manifest.text.max_caption_tokens - 1
        words = limit if asked.words is None else min(asked.words, limit)
        search = BeamSearch(asked.beams, manifest.text.eos, words)
        return CaptionRow(programs[0], context.texts, given.pixels, search, manifest.stages)

    def of_case(self, case: CaseFields, pictures: Sequence[Picture]) -> CaptionInput:
        """Return the input of a golden case; see `EngineTask.of_case`."""
        return CaptionInput(pictures[0])


def check_caption(max_new_tokens: int | None, num_beams: int, max_beams: int) -> None:
    """Refuse a caption that cannot be written.

    Raises:
        InvalidInput: naming the field that is wrong.
    """
    if max_new_tokens is not None and max_new_tokens < 1:
        raise InvalidInput("max_new_tokens", f"must be at least 1, not {max_new_tokens}")
    check_beams(num_beams, max_beams)


def check_beams(num_beams: int, max_beams: int) -> None:
    """Refuse a number of beams that no batch can hold.

    Raises:
        InvalidInput: naming the field.
    """
    if not 1 <= num_beams <= max_beams:
        problem = f"must be 1 to {max_beams} (the rows of a batch), not {num_beams}"
        raise InvalidInput("num_beams", problem)


CAPTION_WORK = CaptionWork()
"""How the engine writes captions."""
