"""What judging needs of a task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from artifact.task import TaskName
from cli.commands.eval.subjects import Shown, Subject
from tuning.data.example import DataExample
from tuning.data.problems import BadRecord

Scores = Mapping[str, float]
"""A measure's name to its number: 0 to 1, CIDEr-D 0 to 10."""

NO_WORDS = "comes as token ids, not as words: give the data set in its first format"


@dataclass(frozen=True)
class JudgedTask:
    """How one task's answers are judged. An answer is a text, or what the task's module says.

    Attributes:
        model_task: what models call the task; data sets may call it otherwise.
        texts: the texts of an example that a subject reads; raises `BadRecord` if it has no words.
        ask: what a variant answers to examples, None where it cannot.
        scores: of examples whose right answers are known, with the answer to each; at least one.
        groups: the first score by groups of examples: a title, then group to score.
        results: the text of the result file, the official one if there is one; an answer is None
            where none was given.
        suffix: of that file's name.
        read: from the body of a server's answer to the answer.
        note: what must be said where the scores of these examples are shown.
        settled: what the answers become once all examples were asked, None where there is none.
        check: raises `DataError` if that number of variants cannot be judged on all the examples.
    """

    model_task: TaskName
    texts: Callable[[DataExample], Sequence[str]]
    ask: Callable[[Subject, str, Sequence[Shown]], list[Any]]
    scores: Callable[[Sequence[DataExample], Sequence[Any]], Scores]
    groups: Callable[[Sequence[DataExample], Sequence[Any]], Mapping[str, Scores]]
    results: Callable[[Sequence[DataExample], Sequence[Any]], str]
    suffix: str
    read: Callable[[Any], Any]
    note: Callable[[Sequence[DataExample]], str | None] = lambda examples: None
    settled: Callable[[Sequence[DataExample], Sequence[Any]], list[Any]] = (
        lambda examples, answers: list(answers)
    )
    check: Callable[[Iterable[DataExample], int], None] = lambda examples, variants: None


def no_groups(examples: Sequence[DataExample], answers: Sequence[Any]) -> Mapping[str, Scores]:
    """Return nothing: the task's examples are of one kind."""
    return {}


def no_text(example: DataExample) -> Sequence[str]:
    """Return nothing: the task's examples bring no text."""
    return ()


def own_text(example: DataExample) -> Sequence[str]:
    """Return an example's question or statement.

    Raises:
        BadRecord: it has token ids only.
    """
    if example.text is None:
        raise BadRecord(NO_WORDS)
    return (example.text,)


def ask_in_words(task: TaskName) -> Callable[[Subject, str, Sequence[Shown]], list[Any]]:
    """Return what asks a task whose answers are words."""
    return lambda subject, variant, shown: [*subject.answers(task, variant, shown)]


def number_of(key: str) -> int | str:
    """Return an id as result files write it: as a number, if it is one."""
    return int(key) if key.isdecimal() else key
