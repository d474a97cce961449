"""The check before serving: does this backend reproduce the artifact (docs/architecture.md)?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image

from artifact.config import Precision
from artifact.golden import LabelledCase, read_labelled_cases, read_stage_cases, relative_l2
from artifact.preprocess import to_pixels
from artifact.store import Artifact
from artifact.task import TASKS, Case, TaskName
from engine.errors import ParityFailed
from engine.opening.solo import Solo
from engine.residency.stages import StageSet
from engine.tasks import ENGINE_TASKS
from engine.tasks.task import Picture, TaskContext

PARITY_LIMITS: dict[Precision, float] = {"fp32": 1e-5, "bf16": 2e-2, "fp16": 2e-2}
"""Largest relative L2 of any stage output against its torch reference."""

QUALITY_LIMIT = 0.005
"""Largest loss of golden quality: half a point of accuracy."""


def check_parity(artifact: Artifact, stages: StageSet, precision: Precision) -> dict[str, float]:
    """Run the golden stage cases of loaded stages; return the worst relative L2 per stage.

    Raises:
        ParityFailed: naming the stage and its number.
    """
    if artifact.manifest.golden is None:
        return {}
    worst: dict[str, float] = {}
    for case in read_stage_cases(artifact.path(artifact.manifest.golden.stages)):
        if case.stage not in stages.loaded:
            continue
        outputs = stages.run(case.stage, case.inputs)
        for name, reference in case.outputs.items():
            error = relative_l2(outputs[name], reference)
            worst[case.stage] = max(worst.get(case.stage, 0.0), error)
    for stage, error in worst.items():
        if not error <= PARITY_LIMITS[precision]:
            raise ParityFailed(stage, error, PARITY_LIMITS[precision], "relative L2")
    return worst


Measured = dict[tuple[TaskName, str], float]
"""(task, variant) to golden quality on some backend, in 0..1."""


def check_quality(
    artifact: Artifact, solo: Solo, resident_keys: int, known: Measured | None = None
) -> Measured:
    """Answer the labelled cases with each task's deepest resident variant on record.

    What `known` has of them was measured before, on the same artifact, machine and library.

    Raises:
        ParityFailed: if it is more than half a point below the artifact's golden record.
    """
    found: Measured = {}
    for task, variants in on_record(artifact, resident_keys).items():
        deepest = (task, variants[-1])
        if known is not None and deepest in known:
            found[deepest] = known[deepest]
        else:
            found |= measure_quality(artifact, solo, {task: variants[-1:]})
    for (task, variant), measured in found.items():
        loss = golden_loss(artifact, task, variant, measured)
        if loss > QUALITY_LIMIT:
            what = f"golden quality of {task} {variant}"
            raise ParityFailed(what, loss, QUALITY_LIMIT, "loss")
    return found


def on_record(artifact: Artifact, resident_keys: int) -> dict[TaskName, list[str]]:
    """Return the resident variants with a golden quality, per task, shallow to deep."""
    manifest = artifact.manifest
    if manifest.golden is None or manifest.golden.cases is None:
        return {}
    key_of_order = manifest.config.key_of_order
    ascending = sorted(manifest.variants, key=lambda variant: len(variant.pattern))
    resident = [v.id for v in ascending if key_of_order[v.pattern[-1]] < resident_keys]
    named = {task: [v for v in resident if v in of] for task, of in manifest.golden.quality.items()}
    return {task: variants for task, variants in named.items() if variants}


def golden_loss(artifact: Artifact, task: TaskName, variant: str, measured: float) -> float:
    """Return how far a measured golden quality lies below the record; negative if above."""
    golden = artifact.manifest.golden
    return golden.quality[task][variant] - measured if golden is not None else 0.0


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
    side_px = artifact.manifest.config.image_size
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
    cases: Sequence[Case],
    pictures: Sequence[Sequence[Picture]],
) -> float:
    """Return a variant's quality on cases of one task, by that task's measure, in 0..1.

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
        answers = [codec.decode(words) for words in solo.words(captions, programs)]
    else:
        labels = artifact.labels_of(TASKS[task])
        answers = [labels[best] for best in solo.logits(rows).argmax(axis=1)]
    return TASKS[task].measure.score(answers, cases)
