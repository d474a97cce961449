"""Answering labelled cases and scoring the answers: a variant's quality on a backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image

from artifact.golden import LabelledCase, read_labelled_cases
from artifact.preprocess import to_pixels
from artifact.store import Artifact
from artifact.task import TASKS, CaseFields, TaskName
from engine.opening.golden import Measured
from engine.opening.solo import Solo
from engine.tasks import ENGINE_TASKS
from engine.tasks.context import Picture, TaskContext


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
    return score(artifact, solo, task, variant, cases, seen)


def _pixels(artifact: Artifact, file: str, side_px: int) -> Picture:
    with Image.open(artifact.path(file)) as image:
        return to_pixels(image.convert("RGB"), side_px)


def score(
    artifact: Artifact,
    solo: Solo,
    task: TaskName,
    variant: str,
    cases: Sequence[CaseFields],
    pictures: Sequence[Sequence[Picture]],
) -> float:
    """Return a variant's quality on cases of one task, by that task's measure, in 0..1.

    What it takes is what `answers` takes.

    Raises:
        InferenceFailed: if a stage throws.
    """
    given = answers(artifact, solo, task, variant, cases, pictures)
    return TASKS[task].measure.score(given, cases)


def answers(
    artifact: Artifact,
    solo: Solo,
    task: TaskName,
    variant: str,
    cases: Sequence[CaseFields],
    pictures: Sequence[Sequence[Picture]],
) -> list[str]:
    """Return a variant's answers to cases of one task: labels, or texts.

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
    codec, work = artifact.text_codec(), ENGINE_TASKS[task]
    context = TaskContext(solo.family, codec, solo.texts, solo.max_batch)
    programs = solo.family.member(task, variant).programs
    rows = []
    for case, seen in zip(cases, pictures, strict=True):
        given = work.of_case(case, seen)
        rows.append(work.row(given, work.read(given, context), programs, context))
    captions = [row.caption for row in rows if row.caption is not None]
    if captions:
        return [codec.decode(words) for words in solo.words(captions, programs)]
    labels = artifact.labels_of(TASKS[task])
    return [labels[best] for best in solo.logits(rows).argmax(axis=1)]
