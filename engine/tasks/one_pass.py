"""Tasks that are answered in one pass: pictures and a text in, labels out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from artifact.program import Program
from artifact.scoring.measures import CaseFields
from artifact.task import Task
from engine.errors import InvalidInput
from engine.rows.joint import JointRow
from engine.rows.one_pass import OnePassRow
from engine.tasks.context import CheckedInput, Picture, TaskContext
from engine.types import Input

Given = TypeVar("Given", bound=Input)


@dataclass(frozen=True)
class OnePassWork(Generic[Given]):
    """A task whose requests bring `task.pictures` pictures and one text.

    Attributes:
        task: what is asked.
        pictures: an input's pictures, each uint8 [S, S, 3].
        text: an input's text.
        top_k: how many labels an input wants.
        make: an input of a golden case's text and pictures.
    """

    task: Task
    pictures: Callable[[Given], Sequence[Picture]]
    text: Callable[[Given], str]
    top_k: Callable[[Given], int]
    make: Callable[[str, Sequence[Picture]], Given]

    def read(self, given: Given, context: TaskContext) -> CheckedInput:
        """Check pictures, text and number of labels; see `EngineTask.read`."""
        pictures, top_k = self.pictures(given), self.top_k(given)
        if len(pictures) != self.task.pictures:
            raise InvalidInput("images", f"must be {self.task.pictures}, not {len(pictures)}")
        for picture in pictures:
            context.check_picture(self.task.name, picture)
        if top_k < 1:
            raise InvalidInput("top_k", f"must be at least 1, not {top_k}")
        tokens, bucket = context.encode(self.task.text or "text", self.text(given))
        return CheckedInput(tokens=tokens, bucket=bucket, top_k=top_k)

    def row(
        self, given: Given, asked: CheckedInput, programs: tuple[Program, ...], context: TaskContext
    ) -> OnePassRow | JointRow:
        """Return one row, or one for each picture joined; see `EngineTask.row`."""
        manifest = context.family.manifest
        rows = [
            OnePassRow(manifest, self.task, programs[0], picture, asked.tokens, asked.bucket)
            for picture in self.pictures(given)
        ]
        return rows[0] if len(rows) == 1 else JointRow(rows)

    def of_case(self, case: CaseFields, pictures: Sequence[Picture]) -> Input:
        """Return the input of a golden case; see `EngineTask.of_case`."""
        return self.make(case.text or "", pictures)
