from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console, RenderableType
from typer.testing import CliRunner

from artifact.manifest import ChainRecord, ChainStopRecord, LadderRecord
from cli.commands.artifacts.inspect import agreement_table, app, model_table, variant_table
from tests.engine.artifacts.tiny_artifact import write_tiny


def shown(what: RenderableType) -> str:
    file = io.StringIO()
    Console(file=file, width=140).print(what)
    return file.getvalue()


def test_it_shows_model_stages_variants_and_parity(tmp_path: Path) -> None:
    write_tiny(tmp_path / "tiny")
    result = CliRunner().invoke(app, [str(tmp_path / "tiny")], env={"COLUMNS": "140"})
    assert result.exit_code == 0, result.output
    for part in ("checksums right", "head[vqa]", "●● ●●", "parity at export"):
        assert part in result.output, part


def test_every_task_has_its_quality(tmp_path: Path) -> None:
    manifest = write_tiny(tmp_path / "tiny").manifest
    variants = tuple(
        variant.model_copy(update={"quality": {**variant.quality, "reason": {"fp32": 0.8125}}})
        for variant in manifest.variants
    )
    three = manifest.model_copy(
        update={"tasks": ("vqa", "caption", "reason"), "variants": variants}
    )
    text = shown(variant_table(three))
    assert "reason quality" in text
    assert text.count("0.8125") == len(variants)
    asking = manifest.model_copy(update={"tasks": ("vqa",)})
    assert "reason quality" not in shown(variant_table(asking))


def test_agreement_is_shown_where_it_is_known(tmp_path: Path) -> None:
    manifest = write_tiny(tmp_path / "tiny").manifest
    result = CliRunner().invoke(app, [str(tmp_path / "tiny")], env={"COLUMNS": "140"})
    assert "agreement" not in result.output
    agreement = {"vqa": {"fp32": 0.9375, "bf16": 0.9}}
    variants = tuple(v.model_copy(update={"agreement": agreement}) for v in manifest.variants)
    text = shown(agreement_table(manifest.model_copy(update={"variants": variants})))
    assert text.count("0.9375") == text.count("0.9000 bf16") == len(variants)
    assert f"those of {manifest.deepest}" in " ".join(text.split())


def test_a_chain_says_where_it_costs_most(tmp_path: Path) -> None:
    artifact = write_tiny(tmp_path / "tiny")
    assert "at equal depth" not in shown(model_table(artifact, verified=True))
    costs = {"d1": {"vqa": -0.02, "caption": 0.001}, "d2": {"vqa": 0.0034, "caption": 0.0}}
    stops = tuple(
        ChainStopRecord(variant=variant, free_pattern=(0, 2), cost=cost)
        for variant, cost in costs.items()
    )
    ladder = LadderRecord(
        search="beam",
        split="searched",
        evaluations=8,
        seconds=1.0,
        chain=ChainRecord(split="reported", stops=stops),
    )
    chained = replace(artifact, manifest=artifact.manifest.model_copy(update={"ladder": ladder}))
    text = shown(model_table(chained, verified=True))
    assert "costs at most 0.3 points at equal depth (d2, vqa)" in text
