"""`otmv tune`."""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from cli.tune_ import app
from models.checkpoint import load


def test_a_run_shows_what_is_right_and_what_is_lost(tmp_path: Path) -> None:
    out, cache = str(tmp_path / "run"), str(tmp_path / "cache")
    arguments = ("smoke", "--steps", "2", "--pictures", "8", "--out", out, "--cache", cache)
    result = CliRunner().invoke(app, (*arguments, "--device", "cpu"), env={"COLUMNS": "120"})
    assert result.exit_code == 0
    facts = r"2/2 .*right: vqa \d\.\d{3} reason \d\.\d{3}  caption loss \d\.\d{3}"
    assert re.search(facts, result.stderr)
    assert load(tmp_path / "run").note["step"] == 2


def test_an_unknown_recipe_names_the_known_ones() -> None:
    result = CliRunner().invoke(app, ("feast",))
    assert result.exit_code == 1
    assert "there are: demo, demo-literal, smoke" in result.stderr
