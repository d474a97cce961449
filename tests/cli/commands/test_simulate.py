from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("scipy")

from cli.commands.simulate import app


def test_one_load_with_chosen_seeds(tmp_path: Path) -> None:
    path = tmp_path / "load.json"
    arguments = ["--rate", "300", "--seconds", "0.2", "--seeds", "2", "--first-seed", "100"]
    result = CliRunner().invoke(app, [*arguments, "--json", str(path)])
    assert result.exit_code == 0, result.output
    assert "from SlackFit to the bound" in result.output
    assert json.loads(path.read_text())["seeds"] == [100, 101]


def test_the_sweep_has_every_threshold(tmp_path: Path) -> None:
    path = tmp_path / "sweep.json"
    arguments = ["--sweep-gangs", "--seconds", "0.1", "--seeds", "1", "--json", str(path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    points = json.loads(path.read_text())["studies"]["gangs"]
    assert len(points) == 16
    assert set(points["15 ms, 300/s, CV² 1"]["policies"]) == {
        f"gangs-{count}" for count in (1, 4, 8, 16, 99)
    }
