"""What is left of a run that tuned an adapter: its folder, with what every variant reaches."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from artifact.adapters.folder import Adapter, write_adapter
from artifact.adapters.record import AdaptedBase, VariantQuality
from artifact.config import ModelConfig
from artifact.errors import ArtifactError
from artifact.pattern import SkipPattern
from artifact.store import open_artifact
from artifact.task import TaskName, asked_of
from models.adapters.loaded import TunedAdapter, as_record, base_of
from models.adapters.tunable import AdapterModule
from models.checkpoint import load
from tuning.finetuning.choosing import quality_of
from tuning.finetuning.loop import FineTuning
from tuning.methods.adapter import ADAPTER
from tuning.recipes.errors import RecipeError
from tuning.recipes.parts import Adapt

FOLDER = "adapter"
"""Where the adapter lies in a run's folder."""

_DECIMALS = 4


@dataclass(frozen=True)
class Adapting:
    """What an adapter is tuned on, and which variants are measured with it.

    Attributes:
        base: the checkpoint.
        config: its shape.
        labels: its answers.
        variants: by id.
    """

    base: AdaptedBase
    config: ModelConfig
    labels: tuple[str, ...]
    variants: Mapping[str, SkipPattern]


def adapting(said: Adapt, checkpoint: str) -> Adapting:
    """Read what an adapter is tuned on, before the run.

    Args:
        said: the method.
        checkpoint: folder of the base.

    Raises:
        RecipeError: the base, or the artifact whose variants are measured, cannot be read, or the
            two do not go together.
    """
    try:
        found = load(Path(checkpoint))
        config = found.model.config
        base = base_of(found)
        return Adapting(base, config, found.labels, _variants(said, config, base))
    except ArtifactError as error:
        raise RecipeError("method", str(error)) from error


def _variants(said: Adapt, config: ModelConfig, base: AdaptedBase) -> dict[str, SkipPattern]:
    if said.artifact is None:
        full = SkipPattern.full(config.orders)
        depths = [full.prefix(depth) for depth in range(1, config.orders + 1)]
        return {each.variant_id(on_ladder=True): each for each in depths}
    artifact = open_artifact(said.artifact, verify=False)
    manifest = artifact.manifest
    if not base.is_inside(manifest.source_checkpoint_sha256, artifact.hash):
        fix = "name one that was exported from model.checkpoint"
        raise RecipeError("method.artifact is of another checkpoint", fix)
    return {each.id: manifest.pattern(each.id) for each in manifest.variants}


def write_tuned(tuning: FineTuning, about: Adapting, out: Path) -> Adapter:
    """Measure every variant, and write the adapter into `out`.

    Args:
        tuning: the run, which has ended.
        about: what it was tuned on.
        out: the run's folder; an adapter that a run left there goes.

    Raises:
        ArtifactError: the disk is full or not writable.
    """
    said, model = tuning.file.method, tuning.model.eval()
    assert isinstance(said, Adapt)
    module = model.get_submodule(ADAPTER)
    assert isinstance(module, AdapterModule)
    labels, tasks = tuning.checkpoint.labels, tuple(tuning.file.tasks)
    tuned = TunedAdapter(
        name=tuning.file.name,
        kind=said.form,
        base=about.base,
        tasks=asked_of(tasks),
        heads=tasks if said.heads else (),
        labels=None if labels == about.labels else labels,
        config=about.config,
        note={"settings": json.dumps(said.settings), **tuning.checkpoint.note},
    )
    scores = _measured(tuning, about)
    variants = tuple(
        VariantQuality(
            variant=name,
            pattern=pattern.executed,
            quality={task: {"fp32": round(of[at], _DECIMALS)} for task, of in scores.items()},
        )
        for at, (name, pattern) in enumerate(about.variants.items())
    )
    measured = {"variants": variants, "quality_source": _source(tuning)} if scores else {}
    record, tensors = as_record(tuned, module, model, **measured)
    folder = out / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    return write_adapter(folder, record, tensors)


def _measured(tuning: FineTuning, about: Adapting) -> dict[TaskName, list[float]]:
    patterns, most = list(about.variants.values()), tuning.file.run.evaluate_examples
    found = {
        task: quality_of(tuning.model, tuning.asking[task], data, most, patterns)
        for task, data in tuning.data.items()
        if data.chooses is not None
    }
    return {task: scores for task, scores in found.items() if scores}


def _source(tuning: FineTuning) -> str:
    most = tuning.file.run.evaluate_examples
    said = [
        f"{min(most, len(data.chooses.examples))} {task} examples of {data.chooses.name}"
        for task, data in tuning.data.items()
        if data.chooses is not None
    ]
    return f"measured: {', '.join(said)}, which chose while tuning"
