"""Checkpoint in, artifact out: trace, check, search the ladder, measure, write, rename."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from artifact.config import ModelConfig
from artifact.errors import ArtifactError
from artifact.golden import CASES_NAME, STAGES_NAME, StageCase, write_stage_cases
from artifact.manifest import GoldenRecord, Manifest, ParityRecord, SplitsRecord, StageFile
from artifact.manifest.adapted import AdapterCapacity
from artifact.pattern import SkipPattern
from artifact.stage import stage_name
from artifact.store import Artifact, ArtifactWriter
from engine.opening.open import open_solo
from exporters import describe, parity, quality
from exporters.examples import Example
from exporters.golden import write_golden
from exporters.graphs.tracing import Report, adapted_forms, reference, trace
from exporters.ladder import family
from exporters.ladder.patterns import PatternScores, labelled_rows
from exporters.ladder.record import ladder_record
from exporters.ladder.search import Ladder, search
from exporters.sides.card import agreement_section, chain_section
from exporters.sides.tokenizer import write_tokenizer
from exporters.stages import UncompiledStage
from exporters.tasks import cut, cut_adapted, exported_tasks
from models.checkpoint import Checkpoint


@dataclass(frozen=True)
class Splits:
    """Labelled examples: searched on, reported on, and kept as golden cases.

    Raises:
        ArtifactError: a picture is both searched on and reported on.
    """

    search: Sequence[Example]
    report: Sequence[Example]
    golden: Sequence[Example]
    names: tuple[str, str]

    def __post_init__(self) -> None:
        chosen_by = {image for example in self.search for image in example.images}
        if shared := chosen_by & {image for example in self.report for image in example.images}:
            raise ArtifactError(
                f"{self.names[0]}, {self.names[1]}",
                f"{len(shared)} pictures choose the variants and report their quality, too",
                "report on other pictures",
            )


@dataclass(frozen=True)
class ExportOptions:
    """How to export.

    Attributes:
        whole: which variants also become one graph each: all, only the full one, or none.
        curve: declared quality, for weights that were never tuned.
        depths: the prefixes that untuned weights become variants at; None: every one.
        patterns: the variants, where they are known; None: they are searched for, or `depths`.
        known: quality that is known, of weights that are not measured here.
        card: text of the model card, or None.
        chained: the variants are one chain, each one's orders the first of the next one's; searched
            for, so it goes with labelled examples.
        adapters: what each adapted form has room for (ADR 0031); the first that suffices runs.
    """

    whole: Literal["all", "full", "none"] = "all"
    curve: quality.QualityCurve | None = None
    depths: tuple[int, ...] | None = None
    patterns: tuple[SkipPattern, ...] | None = None
    known: quality.KnownQuality | None = None
    card: str | None = None
    chained: bool = False
    adapters: tuple[AdapterCapacity, ...] = ()


def export(
    checkpoint: Checkpoint, out: Path, splits: Splits | None, options: ExportOptions, report: Report
) -> Artifact:
    """Write an artifact; nothing is left behind on failure.

    Args:
        checkpoint: what to export.
        out: folder to make; must not exist.
        splits: labelled examples, or None for untuned weights (the ladder is then prefixes).
        options: how.
        report: progress.

    Raises:
        ArtifactError: `out` exists or cannot be written.
        ParityError: an exported graph does not compute what the model computes.
        ValueError: `options.depths` are no depths of this model.
    """
    with ArtifactWriter(out) as writer:
        found = _search(checkpoint, splits, options, report) if splits else None
        shipped = _shipped(checkpoint.model.config, found, options)
        ids = describe.ids(shipped, found.pattern if found else shipped[-1])
        stages = [*cut(checkpoint.model), *_wholes(checkpoint, shipped, ids, options)]
        forms = [cut_adapted(checkpoint.model, each) for each in options.adapters]
        records, adapted = trace(checkpoint.model, stages, forms, writer.folder, report)
        cases = reference(checkpoint.model.config, stages)
        manifest = describe.manifest(checkpoint, ids, records)
        if found and splits:
            report("measuring what a chain costs", 0.0)
            manifest = _with_ladder(manifest, checkpoint, found, ids, splits)
        report("checking parity", 0.0)
        checked = parity.check(writer.folder, records, cases)
        checked += _check_adapted(checkpoint, writer.folder, forms, adapted)
        taking = adapted_forms(options.adapters, adapted)
        manifest = manifest.model_copy(update={"parity": tuple(checked), "adapted": taking})
        _write_sides(checkpoint, writer.folder, cases, options, manifest)
        if not splits:
            return writer.commit(_told(manifest, options))
        manifest = _measure(writer, manifest, splits, report)
        _add_to_card(writer.folder, agreement_section(manifest))
        return writer.commit(manifest)


def _with_ladder(
    manifest: Manifest,
    checkpoint: Checkpoint,
    found: Ladder,
    ids: dict[SkipPattern, str],
    splits: Splits,
) -> Manifest:
    record = ladder_record(found, ids, splits.names, lambda: _scores(checkpoint, splits))
    named = SplitsRecord(chose=splits.names[0], reported=splits.names[1])
    return manifest.model_copy(update={"ladder": record, "splits": named})


def _check_adapted(
    checkpoint: Checkpoint,
    folder: Path,
    forms: Sequence[Sequence[UncompiledStage]],
    files: Sequence[Mapping[str, StageFile]],
) -> list[ParityRecord]:
    checked: list[ParityRecord] = []
    for number, (form, traced) in enumerate(zip(forms, files, strict=True)):
        cases = reference(checkpoint.model.config, form)
        checked += parity.check(folder, traced, cases, form=number)
    return checked


def _told(manifest: Manifest, options: ExportOptions) -> Manifest:
    """Fill in quality that is not measured here, if there is any."""
    if options.curve:
        return quality.declare(manifest, options.curve)
    if options.known:
        return quality.record(manifest, options.known.scores, options.known.source)
    return manifest


def _shipped(
    config: ModelConfig, found: Ladder | None, options: ExportOptions
) -> list[SkipPattern]:
    if options.patterns is not None:
        return list(options.patterns)
    return family.family(found) if found else describe.prefixes(config, options.depths)


def _search(
    checkpoint: Checkpoint, splits: Splits, options: ExportOptions, report: Report
) -> Ladder:
    found = search(
        checkpoint.model,
        labelled_rows(checkpoint, splits.search),
        on_progress=lambda share: report("searching the ladder", share),
    )
    return found.as_chain() if options.chained else found


def _scores(checkpoint: Checkpoint, splits: Splits) -> PatternScores:
    return PatternScores(checkpoint.model, labelled_rows(checkpoint, splits.report))


def _wholes(
    checkpoint: Checkpoint,
    shipped: Sequence[SkipPattern],
    ids: dict[SkipPattern, str],
    options: ExportOptions,
) -> list[UncompiledStage]:
    if options.whole == "none":
        return []
    chosen = shipped if options.whole == "all" else shipped[-1:]
    tasks = exported_tasks(checkpoint.model.config.tasks)
    return [
        stage
        for pattern in chosen
        for each in tasks
        if each.whole_beside_stages
        for stage in each.whole(checkpoint.model, ids[pattern], pattern)
    ]


def _write_sides(
    checkpoint: Checkpoint,
    folder: Path,
    cases: Sequence[StageCase],
    options: ExportOptions,
    manifest: Manifest,
) -> None:
    shared = [case for case in cases if not stage_name(case.stage).is_whole]
    write_stage_cases(folder / STAGES_NAME, shared)
    write_tokenizer(folder, checkpoint.tokenizer, manifest.text)
    (folder / "labels.json").write_text(json.dumps(list(checkpoint.labels), indent=1) + "\n")
    if options.card:
        (folder / "MODEL_CARD.md").write_text(options.card + chain_section(manifest.ladder))


def _add_to_card(folder: Path, section: str) -> None:
    """Append a section to the model card, if there is one."""
    card = folder / "MODEL_CARD.md"
    if card.is_file():
        card.write_text(card.read_text("utf-8") + section, "utf-8")


def _measure(
    writer: ArtifactWriter, manifest: Manifest, splits: Splits, report: Report
) -> Manifest:
    preview = writer.preview(manifest)
    solo = open_solo(preview)
    found = quality.measure(
        preview, solo, splits.report, lambda share: report("measuring quality", share)
    )
    kept = [example for example in splits.golden if example.task in manifest.tasks]
    golden = quality.measure(
        preview, solo, kept, lambda share: report("measuring golden cases", share)
    )
    counts = {task: sum(e.task == task for e in splits.report) for task in found.quality}
    source = f"measured: {splits.names[1]}, " + ", ".join(
        f"{count} {task} examples" for task, count in counts.items()
    )
    write_golden(writer.folder, kept)
    return quality.record(manifest, found.quality, source, found.agreement).model_copy(
        update={
            "golden": GoldenRecord(
                stages=STAGES_NAME, cases=CASES_NAME, count=len(kept), quality=golden.quality
            )
        }
    )
