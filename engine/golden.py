"""The check before serving: does this backend reproduce the artifact (docs/architecture.md)?"""

from __future__ import annotations

import numpy as np
from PIL import Image

from artifact.golden import LabelledCase, read_labelled_cases, read_stage_cases, relative_l2
from artifact.manifest import Precision
from artifact.preprocess import to_pixels
from artifact.scoring import objects_named, vqa_accuracy
from artifact.store import Artifact
from engine.errors import ParityFailed
from engine.solo import Solo
from engine.stages import StageSet
from engine.types import Task

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


def check_quality(artifact: Artifact, solo: Solo, resident_keys: int) -> dict[str, float]:
    """Answer the labelled cases with each task's deepest resident variant on record.

    Returns the quality per `task variant`, in 0..1.

    Raises:
        ParityFailed: if it is more than half a point below the artifact's golden record.
    """
    golden = artifact.manifest.golden
    if golden is None or golden.cases is None:
        return {}
    cases = read_labelled_cases(artifact.path(golden.cases))
    found: dict[str, float] = {}
    for task, record in golden.quality.items():
        variant = _deepest(artifact, record, resident_keys)
        chosen = [case for case in cases if case.task == task]
        if variant is None or not chosen:
            continue
        measured = golden_quality(artifact, solo, task, variant, chosen)
        found[f"{task} {variant}"] = measured
        loss = record[variant] - measured
        if loss > QUALITY_LIMIT:
            what = f"golden quality of {task} {variant}"
            raise ParityFailed(what, loss, QUALITY_LIMIT, "loss")
    return found


def _deepest(artifact: Artifact, record: dict[str, float], resident_keys: int) -> str | None:
    key_of_order = artifact.manifest.config.key_of_order
    resident = [
        variant
        for variant in artifact.manifest.variants
        if variant.id in record and key_of_order[variant.pattern[-1]] < resident_keys
    ]
    return max(resident, key=lambda v: len(v.pattern)).id if resident else None


def golden_quality(
    artifact: Artifact, solo: Solo, task: Task, variant: str, cases: list[LabelledCase]
) -> float:
    """Return a variant's quality on labelled cases of one task, in 0..1."""
    codec, side_px = artifact.text_codec(), artifact.manifest.config.image_size
    pixels = []
    for case in cases:
        with Image.open(artifact.path(case.image)) as image:
            pixels.append(to_pixels(image.convert("RGB"), side_px))
    if task == "caption":
        captions = [codec.decode(words) for words in solo.captions(variant, pixels)]
        return objects_named(captions, (case.phrases for case in cases))
    labels = artifact.labels()
    tokens = [codec.encode_question(case.question or "") for case in cases]
    best = solo.vqa_logits(variant, pixels, tokens).argmax(axis=1)
    pairs_vqa = zip(best, cases, strict=True)
    return float(np.mean([vqa_accuracy(labels[i], case.answers) for i, case in pairs_vqa]))
