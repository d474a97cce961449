"""Answering labelled cases and scoring the answers: a variant's quality on a backend."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from artifact.golden import LabelledCase, read_labelled_cases
from artifact.preprocess import to_pixels
from artifact.scoring.measures import CaseFields
from artifact.scoring.retrieval import places_found
from artifact.store import Artifact
from artifact.task import TASKS, TaskName
from engine.opening.golden import Measured
from engine.opening.solo import Solo
from engine.rows.row import Row
from engine.tasks import ENGINE_TASKS
from engine.tasks.context import Picture, TaskContext
from engine.types import Input
from pictures.images import decode_rgb
from pictures.limits import MAX_PIXELS


def measure_quality(
    artifact: Artifact, solo: Solo, variants: Mapping[TaskName, Sequence[str]]
) -> Measured:
    """Answer the labelled cases of each task with the given variants."""
    golden = artifact.manifest.golden
    if golden is None or golden.cases is None:
        return {}
    cases = read_labelled_cases(artifact.path(golden.cases))
    found: Measured = {}
    for task, names in variants.items():
        chosen = [case for case in cases if case.task == task]
        for variant in names if chosen else ():
            found[task, variant] = golden_quality(artifact, solo, task, variant, chosen)
    return found


def golden_quality(
    artifact: Artifact, solo: Solo, task: TaskName, variant: str, cases: list[LabelledCase]
) -> float:
    """Return a variant's quality on labelled cases of one task, in 0..1."""
    side_px = artifact.manifest.config.image_size_of(task)
    files = dict.fromkeys(file for case in cases for file in case.images)
    pixels = {file: _pixels(artifact, file, side_px) for file in files}
    seen = [tuple(pixels[file] for file in case.images) for case in cases]
    answers = answers_to(artifact, solo, task, variant, cases, seen)
    return TASKS[task].measure.score(answers, cases)


def _pixels(artifact: Artifact, file: str, side_px: int) -> Picture:
    return to_pixels(decode_rgb(artifact.path(file).read_bytes(), MAX_PIXELS), side_px)


def answers_to(
    artifact: Artifact,
    solo: Solo,
    task: TaskName,
    variant: str,
    cases: Sequence[CaseFields],
    pictures: Sequence[Sequence[Picture]],
) -> list[str]:
    """Return a variant's answers to cases of one task: their best labels, or texts.

    Of a task that makes vectors an answer is the place, in digits, of the case that it finds.

    Args:
        artifact: finished or previewed.
        solo: its loaded stages.
        task: of every case.
        variant: id.
        cases: at least one.
        pictures: of each case, left to right; uint8 [S, S, 3].

    Raises:
        InferenceFailed: if a stage throws.
    """
    answers = SoloAnswers(artifact, solo)
    other = TASKS[task].finds
    if other is None:
        return answers.all(variant, _inputs(task, cases, pictures))
    own, others = (
        answers.vectors(variant, _inputs(name, cases, pictures)) for name in (task, other)
    )
    return [str(place) for place in places_found(own @ others.T)]


def _inputs(
    task: TaskName, cases: Sequence[CaseFields], pictures: Sequence[Sequence[Picture]]
) -> list[Input]:
    of_case = ENGINE_TASKS[task].of_case
    return [of_case(case, seen) for case, seen in zip(cases, pictures, strict=True)]


class SoloAnswers:
    """What variants answer, without a scheduler: the best label, or the text.

    Args:
        artifact: finished or previewed.
        solo: its loaded stages.
    """

    def __init__(self, artifact: Artifact, solo: Solo) -> None:
        self._artifact, self._solo = artifact, solo
        self._codec = artifact.text_codec()
        self._context = TaskContext(solo.family, self._codec, solo.texts, solo.max_batch)

    def all(self, variant: str, inputs: Sequence[Input]) -> list[str]:
        """Return the answers to inputs of one task, at least one.

        Raises:
            InferenceFailed: if a stage throws.
        """
        answering = self.stepwise(variant, inputs)
        while True:
            try:
                next(answering)
            except StopIteration as end:
                answers: list[str] = end.value
                return answers

    def vectors(self, variant: str, inputs: Sequence[Input]) -> NDArray[np.float32]:
        """Return the vectors of inputs of one task that makes them: [n, D].

        Raises:
            InferenceFailed: if a stage throws.
        """
        return self._solo.logits(self._rows(variant, inputs))

    def one(self, variant: str, given: Input) -> Generator[None, None, str]:
        """Answer one input, and yield after each stage call; return the answer.

        Raises:
            InferenceFailed: if a stage throws.
        """
        answers = yield from self.stepwise(variant, [given])
        return answers[0]

    def stepwise(self, variant: str, inputs: Sequence[Input]) -> Generator[None, None, list[str]]:
        """Answer as `all` does, and yield after each stage call; return the answers.

        Raises:
            InferenceFailed: if a stage throws.
        """
        task, solo = inputs[0].task, self._solo
        programs = solo.family.member(task, variant).programs
        rows = self._rows(variant, inputs)
        captions = [row.caption for row in rows if row.caption is not None]
        if captions:
            yield from solo.writing(captions, programs)
            return [self._codec.decode(caption.words) for caption in captions]
        yield from solo.running(rows)
        labels = self._artifact.labels_of(TASKS[task])
        return [labels[row.logits.argmax()] for row in rows if row.logits is not None]

    def _rows(self, variant: str, inputs: Sequence[Input]) -> list[Row]:
        """Return a row for each input, at its first step."""
        work = ENGINE_TASKS[inputs[0].task]
        programs = self._solo.family.member(inputs[0].task, variant).programs
        return [
            work.row(given, work.read(given, self._context), programs, self._context)
            for given in inputs
        ]
