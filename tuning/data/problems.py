"""What is wrong in a data set: collected and counted while it is read on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

FEW = 10
"""Problems of a kind that are kept; all others are counted."""


class DataError(Exception):
    """Data cannot be read at all; the one-line message says what to do."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem}: {fix}")
        self.problem, self.fix = problem, fix


class BadRecord(Exception):
    """One record is not what its format asks; `record` is what it is."""

    def __init__(self, problem: str, record: object = None) -> None:
        super().__init__(problem)
        self.record = record


class ProblemKind(StrEnum):
    """What a problem concerns. A broken file leaves no one knows how much unread."""

    FILE = "broken files"
    RECORD = "broken records"
    PICTURE = "bad pictures"
    LABEL = "answers outside the list"


@dataclass(frozen=True)
class DataProblem:
    """One thing that is wrong: of which kind, where, and what, with the fix."""

    kind: ProblemKind
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


Hint = Callable[[Mapping[str, Any]], str]
"""Takes a record that is not what its format asks; returns what it looks like, or nothing."""


class Problems:
    """Counts problems by kind and keeps the first few of each.

    The same problem counts once: several parts of a folder may be read from one file.

    Args:
        on_problem: called with every problem, kept or not.
        hint: what broken records look like.
    """

    def __init__(
        self,
        on_problem: Callable[[DataProblem], None] | None = None,
        hint: Hint | None = None,
    ) -> None:
        self.counts: Counter[ProblemKind] = Counter()
        self._first: dict[ProblemKind, list[DataProblem]] = {kind: [] for kind in ProblemKind}
        self._known: set[int] = set()
        self._broken: set[str] = set()
        self._on_problem, self._hint = on_problem, hint

    def first(self, kind: ProblemKind) -> tuple[DataProblem, ...]:
        """Return the first few of a kind."""
        return tuple(self._first[kind])

    def is_broken(self, file: object) -> bool:
        """Tell whether a file was found to be broken."""
        return str(file) in self._broken

    def add(self, kind: ProblemKind, where: object, what: str) -> None:
        """Count one that is new, and keep it if it is among the first of its kind."""
        problem = DataProblem(kind, str(where), what)
        if kind is ProblemKind.FILE:
            self._broken.add(problem.where)
        if hash(problem) in self._known:
            return
        self._known.add(hash(problem))
        self.counts[kind] += 1
        if len(self._first[kind]) < FEW:
            self._first[kind].append(problem)
        if self._on_problem:
            self._on_problem(problem)

    def bad_record(self, where: object, error: BadRecord) -> None:
        """Count a record that was skipped; what it looks like is said with it."""
        hint = ""
        if self._hint and isinstance(error.record, Mapping):
            hint = self._hint(error.record)
        self.add(ProblemKind.RECORD, where, f"{error}{hint}")
