"""A gallery: an artifact whose variants are Table 4's methods, each whole (ADR 0021, ADR 0022)."""

from __future__ import annotations

import gc
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from artifact.config import ModelConfig
from artifact.golden import STAGES_NAME, StageCase, write_stage_cases
from artifact.manifest import (
    GoldenRecord,
    Manifest,
    ParityRecord,
    StageFile,
    VariantRecord,
)
from artifact.store import Artifact, ArtifactWriter
from exporters import describe, parity
from exporters.graphs.onnx_ import file_of, stage_record, to_onnx
from exporters.graphs.tracing import GOLDEN_SEED, Report
from exporters.graphs.weights import WeightLog
from exporters.sides.tokenizer import write_tokenizer
from exporters.stages import UncompiledStage
from exporters.tasks import exported_task
from models.comparators.build import Comparator, build
from models.comparators.methods import METHODS


def export_gallery(
    base: ModelConfig,
    tokenizer: Tokenizer,
    methods: Sequence[str],
    out: Path,
    report: Report,
    seed: int = 0,
) -> Artifact:
    """Write a gallery of random weights: right shapes and costs, meaningless answers.

    One method is in memory at a time. Tensors that methods have in common are stored once. Quality
    is null: nothing was tuned, so there is none to measure.

    Args:
        base: what is fully fine-tuned, one key an order; its tasks are the gallery's.
        tokenizer: knows the special tokens.
        methods: ids of `METHODS`; they become variants in that table's order.
        out: folder to make; must not exist.
        report: progress.
        seed: of all weights.

    Raises:
        ArtifactError: `out` exists or cannot be written.
        ParityError: an exported graph does not compute what the model computes.
        ValueError: a method is unknown, or none is given.
    """
    unknown = [method for method in methods if method not in METHODS]
    if unknown or not methods:
        named = f"no method {unknown[0]!r}" if unknown else "no method"
        raise ValueError(f"{named}; there are {', '.join(METHODS)}")
    ordered = [method for method in METHODS if method in methods]
    with ArtifactWriter(out) as writer:
        gallery = _Gallery(writer.folder, base, tokenizer)
        with WeightLog(writer.folder) as weights:
            for number, method in enumerate(ordered):
                share = number / len(ordered)
                gallery.add(build(method, base, seed), weights, report, share, 1 / len(ordered))
        gallery.write_sides()
        return writer.commit(gallery.manifest())


class _Gallery:
    """What is known of the methods so far."""

    def __init__(self, folder: Path, base: ModelConfig, tokenizer: Tokenizer) -> None:
        self._folder, self._base, self._tokenizer = folder, base, tokenizer
        self._text = describe.text_limits(tokenizer, base)
        self._stages: dict[str, StageFile] = {}
        self._variants: list[VariantRecord] = []
        self._parity: list[ParityRecord] = []
        self._cases: list[StageCase] = []

    def add(
        self, made: Comparator, weights: WeightLog, report: Report, share: float, step: float
    ) -> None:
        """Trace, write and check one method's stages."""
        method, model, pattern = made.method.id, made.model, made.pattern
        stages = [
            stage
            for task in self._base.tasks
            for stage in exported_task(task).whole(model, method, pattern)
        ]
        for number, stage in enumerate(stages):
            report(f"tracing {stage.name}", share + step * number / len(stages))
            graph = to_onnx(stage, _sizes(self._base, stage, rows=3, text=9, cached=13))
            names = weights.add(file_of(stage.name), graph)
            self._stages[stage.name] = stage_record(stage, names)
            del graph
            gc.collect()  # the tracer's graphs hold weights in cycles
            self._check(stage)
        record = describe.variant(model, pattern, method, self._text, composed=False)
        self._variants.append(record)

    def _check(self, stage: UncompiledStage) -> None:
        """Check a stage that was just written; keep its golden cases."""
        sizes: list[Mapping[str, int]] = [
            _sizes(self._base, stage, rows=1, text=6, cached=5),
            _sizes(self._base, stage, rows=2, text=11, cached=9),
        ]
        seed = GOLDEN_SEED + 10 * (len(self._stages) - 1)
        cases = list(parity.reference_cases(stage, sizes, seed))
        self._parity += parity.check(self._folder, self._stages, cases)
        # A picture's keys and values are large, and all pictures' alike: one is kept.
        self._cases += cases[:1] if stage.name.leaves_caches else cases

    def write_sides(self) -> None:
        """Write golden cases, tokenizer and labels."""
        write_stage_cases(self._folder / STAGES_NAME, self._cases)
        labels = [f"answer {index}" for index in range(self._base.num_answers)]
        write_tokenizer(self._folder, self._tokenizer, self._text)
        (self._folder / "labels.json").write_text(json.dumps(labels, indent=1) + "\n")

    def manifest(self) -> Manifest:
        """Return the manifest; its config is the fully fine-tuned model's."""
        return Manifest(
            name=f"{self._base.name} methods",
            config=self._base,
            tasks=self._base.tasks,
            stages=self._stages,
            variants=tuple(self._variants),
            parity=tuple(self._parity),
            toolchain=describe.toolchain(),
            golden=GoldenRecord(stages=STAGES_NAME),
            text=self._text,
            buckets=describe.buckets(self._text),
        )


def _sizes(
    config: ModelConfig, stage: UncompiledStage, rows: int, text: int, cached: int
) -> dict[str, int]:
    image_tokens = config.image_tokens_in(stage.name)
    return {"B": rows, "L": text, "N": image_tokens + text, "T": cached}
