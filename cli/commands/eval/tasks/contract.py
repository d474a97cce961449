"""What judging needs of a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuning.data.example import DataExample

Scores = Mapping[str, float]
"""A measure's name to its number: 0 to 1, CIDEr-D 0 to 10."""


@dataclass(frozen=True)
class JudgedTask:
    """How one task's answers are judged.

    Attributes:
        scores: of examples whose right answers are known, with the answer to each; at least one.
        groups: the first score by groups of examples: a title, then group to score.
        results: the text of the official result file; an answer is None where none was given.
        suffix: of that file's name.
        read: from the body of a server's answer to the answer.
        note: what must be said where the scores are shown.
    """

    scores: Callable[[Sequence[DataExample], Sequence[str]], Scores]
    groups: Callable[[Sequence[DataExample], Sequence[str]], Mapping[str, Scores]]
    results: Callable[[Sequence[DataExample], Sequence[str | None]], str]
    suffix: str
    read: Callable[[Any], str]
    note: str | None = None


def no_groups(examples: Sequence[DataExample], answers: Sequence[str]) -> Mapping[str, Scores]:
    """Return nothing: the task's examples are of one kind."""
    return {}


def number_of(key: str) -> int | str:
    """Return an id as result files write it: as a number, if it is one."""
    return int(key) if key.isdecimal() else key
