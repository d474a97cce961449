"""`otmv tune` on data sets: a run, a rehearsal at 80 columns, one line for what cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.commands.tune import app
from models.checkpoint import load
from tests.tuning.finetuning.tiny import recipe, write_set
from tuning.recipes.shipped_recipes import shipped_text


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "80"})
    return result.exit_code, result.stdout, result.stderr


def toml(values: dict[str, Any], path: str = "") -> str:
    """Write nested values as TOML."""
    plain = {name: value for name, value in values.items() if not isinstance(value, dict)}
    text = f"[{path}]\n" if path and plain else ""
    text += "".join(f"{name} = {json.dumps(value)}\n" for name, value in plain.items())
    for name, value in values.items():
        if isinstance(value, dict):
            text += toml(value, f"{path}.{name}" if path else name)
    return text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    said = recipe(write_set(tmp_path / "squares"), run={"evaluate_examples": 4})
    said["tasks"] = {"vqa": said["tasks"]["vqa"]}
    (tmp_path / "mine.toml").write_text(toml(said))
    return tmp_path / "mine.toml"


def test_a_recipe_runs_and_says_how_good_it_gets(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed, errors = run(file, "--steps", 2, "--device", "cpu", "--out", out)
    assert (code, printed) == (0, ""), errors
    assert "vqa: 12 examples of jsonl train (squares)" in errors
    assert "step 2/2  vqa VQA accuracy, 4 orders: " in errors
    assert errors.splitlines()[-1].startswith(f"tuned: {out}  (")
    assert load(out).note["step"] == 2


def test_a_rehearsal_runs_nothing_and_fits_80_columns(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, printed, errors = run(file, "--dry-run", "--device", "cpu")
    assert (code, errors) == (0, "")
    said = dict(line.split(maxsplit=1) for line in printed.splitlines() if line[:2] != "a ")
    assert said["steps"] == "4"
    assert said["memory"].endswith(" GB")
    assert "a step" in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert sorted(tmp_path.rglob("*")) == before


def test_shipped_recipes_are_listed_and_shown() -> None:
    code, printed, _ = run("--show", "beit3_large_nlvr2")
    assert (code, printed) == (0, shipped_text("beit3_large_nlvr2"))
    code, printed, _ = run("--list")
    assert code == 0
    assert "beit3_base_vqa" in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("beit3_base_retrieval_coco",), "tasks.embed cannot be tuned on data sets yet: take vqa"),
        (("beit3_base_vqa",), "there is no folder vqav2: name the data's folder"),
        (("beit3_base_vqa", "--pictures", 3), "--pictures is for recipes on the generated world"),
        (("none.toml",), "cannot read the recipe none.toml"),
        (("--show", "nothing"), "no recipe 'nothing': there are beit3_base_caption"),
        ((), "name a recipe: a TOML file, or one of otmv tune --list"),
    ],
)
def test_what_cannot_be_tuned_is_one_line(words: tuple[object, ...], said: str) -> None:
    code, printed, errors = run(*words)
    assert code in (1, 2)
    assert printed == ""
    assert errors.startswith(f"otmv: {said}")
    assert len(errors.splitlines()) == 1
