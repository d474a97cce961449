from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from artifact.store import open_artifact
from cli.main import build
from exporters.quality import QualityCurve
from models.checkpoint import Checkpoint, save
from models.series import OtmvModel
from tuning.recipe import demo_config
from tuning.tokens import world_tokenizer
from tuning.world.vocabulary import ANSWERS


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(build(["export"]), ["export", *arguments])
    return result.exit_code, result.output


def test_needs_a_checkpoint_or_random() -> None:
    code, text = run()
    assert code == 1
    assert "--random beit3_base" in text


def test_a_missing_checkpoint_names_the_command_that_makes_one(tmp_path: Path) -> None:
    code, text = run(str(tmp_path / "nothing"), "--out", str(tmp_path / "out"))
    assert code == 1
    assert "otmv tune" in text
    assert len(text.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (["--random", "beit9"], "beit3_base and beit3_large"),
        (["--random", "beit3_base", "--keys", "5"], "do not divide"),
        (["--random", "beit3_base", "--image-size", "100"], "multiple"),
        (["--random", "beit3_base", "--tasks", "poetry"], "tasks"),
        (["--random", "beit3_base", "--quality-curve", "nowhere.json"], "quality curve"),
        (["--random", "beit3_base", "--depths", "3,six"], "--depths 3,six"),
        (["--random", "beit3_base", "--depths", "6,3,12"], "depths 6,3,12"),
        (["--random", "beit3_base", "--depths", "0,12"], "from at least 1"),
        (["--random", "beit3_base", "--depths", "3,6"], "to 12, the full"),
        (["--random", "beit3_base", "--methods", "full,prefix"], "no method 'prefix'"),
        (["--random", "beit3_base", "--methods", "all", "--keys", "2"], "has its own keys"),
        (["--random", "beit9", "--methods", "all"], "beit3_base and beit3_large"),
        (["somewhere", "--methods", "all"], "goes with --random"),
        (["--random", "beit3_base", "--chain"], "--chain goes with a checkpoint"),
    ],
)
def test_bad_options_are_one_line(arguments: list[str], needle: str, tmp_path: Path) -> None:
    code, text = run(*arguments, "--out", str(tmp_path / "out"))
    assert code == 1
    assert needle in text
    assert len(text.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_world_that_is_not_there_and_a_full_temporary_folder_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    made = Checkpoint(
        OtmvModel(demo_config("tiny", keys=2, width=32, heads=2)),
        world_tokenizer(),
        ANSWERS,
        None,
        {},
    )
    save(tmp_path / "made", made)
    out = tmp_path / "out"
    code, text = run(str(tmp_path / "made"), "--data", str(tmp_path / "gone"), "--out", str(out))
    assert code == 1
    assert "otmv world" in text
    assert len(text.strip().splitlines()) == 1
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    code, text = run(str(tmp_path / "made"), "--out", str(out))
    assert code == 1
    assert "temporary folder" in text
    assert len(text.strip().splitlines()) == 1
    assert not out.exists()


def test_a_quality_curve_interpolates_and_stays_flat_outside(tmp_path: Path) -> None:
    path = tmp_path / "curve.json"
    path.write_text(json.dumps({"label": "made up", "by_depth": {"vqa": {"6": 0.7, "12": 0.82}}}))
    curve = QualityCurve.read(path)
    assert curve.at("vqa", 9) == pytest.approx(0.76)
    assert curve.at("vqa", 1) == 0.7
    assert curve.at("vqa", 24) == 0.82
    assert curve.at("caption", 9) is None


@pytest.mark.slow
def test_random_beit3_base_with_a_declared_curve(tmp_path: Path) -> None:
    curve = tmp_path / "curve.json"
    curve.write_text(json.dumps({"label": "made up", "by_depth": {"vqa": {"1": 0.5, "12": 0.8}}}))
    out = tmp_path / "base"
    code, text = run(
        *("--random", "beit3_base", "--image-size", "32", "--keys", "2", "--whole", "none"),
        *("--quality-curve", str(curve), "--out", str(out)),
    )
    assert code == 0, text
    manifest = open_artifact(out).manifest
    assert [v.id for v in manifest.variants] == [f"d{n}" for n in range(1, 12)] + ["full"]
    assert manifest.variants[-1].quality["vqa"]["fp32"] == 0.8
    assert manifest.variants[0].quality_source == "declared: made up"


@pytest.mark.slow
def test_chosen_depths_are_the_variants_and_their_graphs(tmp_path: Path) -> None:
    out = tmp_path / "base"
    code, text = run(
        *("--random", "beit3_base", "--image-size", "32", "--keys", "2", "--depths", "3,12"),
        *("--out", str(out)),
    )
    assert code == 0, text
    manifest = open_artifact(out, verify=False).manifest
    assert {v.id: len(v.pattern) for v in manifest.variants} == {"d3": 3, "full": 12}
    wholes = {name for name in manifest.stages if name.startswith("whole")}
    assert wholes == {"whole[vqa:d3]", "whole[vqa:full]"}


@pytest.mark.slow
def test_methods_of_random_beit3_base_become_variants(tmp_path: Path) -> None:
    out = tmp_path / "rivals"
    code, text = run(
        *("--random", "beit3_base", "--image-size", "32", "--methods", "efficientvlm,full"),
        *("--out", str(out)),
    )
    assert code == 0, text
    manifest = open_artifact(out, verify=False).manifest
    assert [variant.id for variant in manifest.variants] == ["full", "efficientvlm"]
    assert set(manifest.stages) == {"whole[vqa:full]", "whole[vqa:efficientvlm]"}
    assert "parity: 2 graphs" in text
