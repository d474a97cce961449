"""Measure every variant on labelled examples, by the engine's own code on the exported graphs."""

from __future__ import annotations

import itertools
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from artifact.errors import InvalidManifest
from artifact.manifest import Manifest
from artifact.store import Artifact
from artifact.task import TASKS, TaskName
from engine.opening.scoring import answers_to
from engine.opening.solo import Solo
from exporters.examples import Example, picture

Quality = dict[TaskName, dict[str, float]]
"""Task, then variant id, to a share in 0..1: of what is right, or agrees."""


@dataclass(frozen=True)
class VariantShares:
    """What every variant came to, by task and variant.

    `quality`: by the task's measure. `agreement`: the share of answers that are those of the
    deepest variant, the same best label or the same text.
    """

    quality: Quality
    agreement: Quality


def measure(
    artifact: Artifact,
    solo: Solo,
    examples: Sequence[Example],
    on_progress: Callable[[float], None] | None = None,
) -> VariantShares:
    """Answer with every variant on each of the artifact's tasks that has examples.

    Args:
        artifact: finished or previewed.
        solo: its loaded stages.
        examples: labelled requests.
        on_progress: called with the share done.
    """
    manifest = artifact.manifest
    of_task = {task: [e for e in examples if e.task == task] for task in manifest.tasks}
    side_px = {task: manifest.config.image_size_of(task) for task in manifest.tasks}
    wanted = ((i, side_px[task]) for task in of_task for e in of_task[task] for i in e.images)
    pixels = {seen: picture(*seen) for seen in dict.fromkeys(wanted)}  # shared by many examples
    asked = {task: chosen for task, chosen in of_task.items() if chosen}
    said: dict[TaskName, dict[str, list[str]]] = {task: {} for task in asked}
    for number, variant in enumerate(manifest.variants, 1):
        for task, chosen in asked.items():
            side = side_px[task]
            seen = [tuple(pixels[image, side] for image in e.images) for e in chosen]
            answers = answers_to(artifact, solo, task, variant.id, chosen, seen)
            said[task][variant.id] = answers
        if on_progress:
            on_progress(number / len(manifest.variants))
    quality = {
        task: {
            variant: TASKS[task].measure.score(answers, asked[task])
            for variant, answers in by_variant.items()
        }
        for task, by_variant in said.items()
    }
    return VariantShares(quality, agreement(said, manifest.deepest))


def agreement(said: Mapping[TaskName, Mapping[str, Sequence[str]]], deepest: str) -> Quality:
    """Return the share of each variant's answers that are those of the deepest one, by task."""
    return {
        task: {
            variant: sum(map(operator.eq, answers, by_variant[deepest])) / len(answers)
            for variant, answers in by_variant.items()
        }
        for task, by_variant in said.items()
    }


class QualityCurve(BaseModel):
    """A declared quality by depth, for artifacts whose weights were never tuned.

    `by_depth[task]` maps executed orders to quality in 0..1; depths between are interpolated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str = Field(min_length=1)
    by_depth: dict[TaskName, dict[int, float]]

    @classmethod
    def read(cls, path: Path) -> QualityCurve:
        """Read a JSON file.

        Raises:
            InvalidManifest: it is not there, or no curve.
        """
        points = '{"6": 0.70, "12": 0.82}'
        fix = f'write {{"label": "...", "by_depth": {{"{next(iter(TASKS))}": {points}}}}}'
        try:
            return cls.model_validate(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise InvalidManifest(path, f"no quality curve: {reason}", fix) from error

    def at(self, task: TaskName, depth: int) -> float | None:
        """Interpolate linearly; constant beyond the ends; None for a task without a curve."""
        points = sorted(self.by_depth.get(task, {}).items())
        if not points:
            return None
        for (low, a), (high, b) in itertools.pairwise(points):
            if low <= depth <= high:
                return a + (b - a) * (depth - low) / (high - low)
        return points[0][1] if depth < points[0][0] else points[-1][1]


@dataclass(frozen=True)
class KnownQuality:
    """What variants reach, measured elsewhere.

    Attributes:
        scores: by task and variant, fp32, 0 to 1.
        source: begins with "measured:" or "declared:".
    """

    scores: Mapping[TaskName, Mapping[str, float]]
    source: str


def record(
    manifest: Manifest,
    quality: Mapping[TaskName, Mapping[str, float]],
    source: str,
    agreement: Mapping[TaskName, Mapping[str, float]] | None = None,
) -> Manifest:
    """Return the manifest with fp32 quality filled in, its source named, and fp32 agreement."""
    variants = []
    for variant in manifest.variants:
        update: dict[str, object] = {
            "quality": _of(variant.id, quality),
            "quality_source": source,
        }
        if agreement is not None:
            update["agreement"] = _of(variant.id, agreement)
        variants.append(variant.model_copy(update=update))
    return manifest.model_copy(update={"variants": tuple(variants)})


def _of(
    variant: str, shares: Mapping[TaskName, Mapping[str, float]]
) -> dict[TaskName, dict[str, float]]:
    return {task: {"fp32": round(found[variant], 4)} for task, found in shares.items()}


def declare(manifest: Manifest, curve: QualityCurve) -> Manifest:
    """Return the manifest with the quality that a curve declares."""
    declared: Quality = {}
    for task in manifest.tasks:
        for variant in manifest.variants:
            value = curve.at(task, len(variant.pattern))
            if value is not None:
                declared.setdefault(task, {})[variant.id] = value
    return record(manifest, declared, f"declared: {curve.label}")
