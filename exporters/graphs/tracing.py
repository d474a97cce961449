"""From stages to graphs in a folder, and what they should give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from artifact.config import ModelConfig
from artifact.golden import StageCase
from artifact.manifest import StageFile
from artifact.manifest.adapted import AdaptedForm, AdapterCapacity
from exporters import parity
from exporters.adapted.room import ADAPTERS_DRAWN
from exporters.graphs.onnx_ import file_of, stage_record, to_onnx
from exporters.graphs.weights import WeightFile
from exporters.stages import UncompiledStage
from models.series import OtmvModel

Report = Callable[[str, float], None]
"""Called with what is being done, and the share of it that is done."""

GOLDEN_SEED = 20_000
"""Seed of the golden stage inputs; parity at export uses the same cases."""


def trace(
    model: OtmvModel,
    stages: Sequence[UncompiledStage],
    forms: Sequence[Sequence[UncompiledStage]],
    folder: Path,
    report: Report,
) -> tuple[dict[str, StageFile], list[dict[str, StageFile]]]:
    """Write every graph, and the weights that all of them point into.

    Args:
        model: whose stages they are.
        stages: plain ones.
        forms: the stages of each adapted form.
        folder: where to write.
        report: progress.

    Returns:
        The records of the plain stages, and those of each adapted form.
    """
    weights = WeightFile(model)
    records: dict[str, StageFile] = {}
    adapted: list[dict[str, StageFile]] = [{} for _ in forms]
    todo: list[tuple[UncompiledStage, int | None]] = [(stage, None) for stage in stages]
    todo += [(stage, number) for number, form in enumerate(forms) for stage in form]
    for done, (stage, form) in enumerate(todo):
        report(f"tracing {stage.name}", done / len(todo))
        sizes = _sizes(model.config, stage, rows=3, text=9, words=4)
        graph = to_onnx(stage, sizes)
        record = stage_record(stage, weights.add(file_of(stage.name, form), graph), form)
        (records if form is None else adapted[form])[stage.name] = record
    weights.write(folder)
    return records, adapted


def _sizes(
    config: ModelConfig, stage: UncompiledStage, rows: int, text: int, words: int
) -> dict[str, int]:
    image = config.image_tokens_in(stage.name)
    sizes = {"B": rows, "L": text, "N": image + text, "T": image + words}
    return sizes | {"A": ADAPTERS_DRAWN}


def reference(config: ModelConfig, stages: Sequence[UncompiledStage]) -> list[StageCase]:
    """Run stages on seeded inputs of two sizes, with torch."""
    cases: list[StageCase] = []
    for number, stage in enumerate(stages):
        sizes = [_sizes(config, stage, 1, 6, 1), _sizes(config, stage, 2, 11, 7)]
        cases += parity.reference_cases(stage, sizes, GOLDEN_SEED + 10 * number)
    return cases


def adapted_forms(
    rooms: Sequence[AdapterCapacity], records: Sequence[Mapping[str, StageFile]]
) -> tuple[AdaptedForm, ...]:
    """Return the manifest's records of adapted forms."""
    pairs = zip(rooms, records, strict=True)
    return tuple(AdaptedForm(capacity=room, stages=dict(files)) for room, files in pairs)
