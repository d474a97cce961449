from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from artifact.store import open_artifact
from cli.main import build
from exporters.quality import QualityCurve


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
    ],
)
def test_bad_options_are_one_line(arguments: list[str], needle: str, tmp_path: Path) -> None:
    code, text = run(*arguments, "--out", str(tmp_path / "out"))
    assert code == 1
    assert needle in text
    assert len(text.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


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
