"""Asking every variant about every example, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from artifact.atomic import write_atomically
from artifact.task import TaskName
from cli.commands.eval.subjects import Shown, Subject
from cli.commands.eval.tasks import JUDGED_TASKS
from cli.commands.eval.tasks.contract import JudgedTask, Scores
from pictures.blocking import BlockingDecoder
from tuning.data.example import DataExample
from tuning.data.pixels import BadPicture, read_pixels
from tuning.data.problems import BadRecord, ProblemKind, Problems
from tuning.data.sets import DataSet
from tuning.labelled import GREY

BATCH = 64
"""Examples that every variant is asked about before the next ones are read."""


@dataclass
class Answers:
    """What every variant of a subject said to a data set.

    Attributes:
        data: the data set.
        examples: all that were to be asked, in order.
        of: variant to its answers, as the task has them; None where there is none.
    """

    data: DataSet
    examples: list[DataExample] = field(default_factory=list)
    of: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def task(self) -> TaskName:
        """The data set's task."""
        return self.data.task

    @property
    def unanswered(self) -> int:
        """Examples that could not be asked."""
        return sum(None in answers for answers in zip(*self.of.values(), strict=True))

    def scores(self, variant: str) -> Scores:
        """Return a variant's scores; none where no right answer is known."""
        examples, answers = self._judged(variant)
        return self._how.scores(examples, answers) if examples else {}

    def groups(self, variant: str) -> dict[str, Scores]:
        """Return a variant's first score by groups."""
        examples, answers = self._judged(variant)
        return dict(self._how.groups(examples, answers))

    @property
    def note(self) -> str | None:
        """What must be said where the scores are shown."""
        return self._how.note(self._judged(list(self.of)[-1])[0])

    @property
    def _how(self) -> JudgedTask:
        return JUDGED_TASKS[self.task]

    def _judged(self, variant: str) -> tuple[list[DataExample], list[Any]]:
        """Return the examples whose right answers are known and that were answered."""
        pairs = zip(self.examples, self.of[variant], strict=True)
        known = [(each, answer) for each, answer in pairs if each.answers and answer is not None]
        return [each for each, _ in known], [answer for _, answer in known]


def ask_all(
    subject: Subject,
    data: DataSet,
    variants: Sequence[str],
    limit: int | None,
    blank: bool,
    problems: Problems,
    report: Callable[[float], None],
) -> Answers:
    """Ask every variant about a data set; what cannot be asked is noted and skipped.

    `limit`: the first examples only. `report` is called with the share done.
    """
    found = Answers(data, of={variant: [] for variant in variants})
    judged, total = JUDGED_TASKS[data.task], asked_of(data, limit)
    with BlockingDecoder() as decoder:
        for start in range(0, total, BATCH):
            some = list(data.examples[start : min(start + BATCH, total)])
            found.examples += some
            shown = [_shown(subject, judged, each, blank, decoder, problems) for each in some]
            usable = [each for each in shown if each is not None]
            for done, variant in enumerate(variants):
                answered = iter(judged.ask(subject, variant, usable) if usable else ())
                found.of[variant] += [None if each is None else next(answered) for each in shown]
                report((start + len(some) * (done + 1) / len(variants)) / total)
    for variant in variants:
        found.of[variant] = judged.settled(found.examples, found.of[variant])
    return found


def asked_of(data: DataSet, limit: int | None) -> int:
    """Return how many of a data set's examples are asked."""
    return min(len(data.examples), limit or len(data.examples))


def _shown(
    subject: Subject,
    judged: JudgedTask,
    example: DataExample,
    blank: bool,
    decoder: BlockingDecoder,
    problems: Problems,
) -> Shown | None:
    """Return an example with its pixels; None, noted, if it cannot be asked."""
    if what := _text_problem(subject, judged, example):
        problems.add(ProblemKind.RECORD, f"{judged.model_task} {example.id}", what)
        return None
    side_px = subject.side_px(judged.model_task)
    if side_px is None:
        return Shown(example, (), blank)
    if blank:
        grey = np.full((side_px, side_px, 3), GREY, np.uint8)
        return Shown(example, (grey,) * len(example.pictures), blank)
    pixels = []
    for path in example.pictures:
        try:
            pixels.append(read_pixels(Path(path), decoder, side_px))
        except BadPicture as error:
            problems.add(ProblemKind.PICTURE, path, str(error))
            return None
    return Shown(example, tuple(pixels))


def _text_problem(subject: Subject, judged: JudgedTask, example: DataExample) -> str | None:
    try:
        return subject.problem(judged.texts(example))
    except BadRecord as error:
        return str(error)


def write_results(folder: Path, found: Answers) -> None:
    """Write the result file of every variant, and one file of all scores.

    Raises:
        OSError: the folder cannot be written.
    """
    judged, stem = JUDGED_TASKS[found.task], f"{found.task}.{found.data.split}"
    for variant, answers in found.of.items():
        text = judged.results(found.examples, answers)
        write_atomically(folder / f"{stem}.{variant}.{judged.suffix}", text)
    facts = {
        "data": found.data.name,
        "task": found.task,
        "split": found.data.split,
        "examples": len(found.examples),
        "unanswered": found.unanswered,
        "note": found.note,
        "variants": {
            variant: {"scores": found.scores(variant), "groups": found.groups(variant)}
            for variant in found.of
        },
    }
    write_atomically(folder / f"{stem}.scores.json", json.dumps(facts, indent=1) + "\n")
