from __future__ import annotations

import json
import re
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


@pytest.mark.parametrize("ramp", [[], ["--to-rate", "10000", "--burst", "12.5"]])
def test_its_table_fits_a_terminal_of_80_columns(ramp: list[str]) -> None:
    load = ["--rate", "1000", *ramp, "--seconds", "0.1", "--seeds", "1"]
    result = CliRunner().invoke(app, load, env={"COLUMNS": "80"})
    lines = [line.rstrip() for line in result.output.splitlines()]
    assert max(map(len, lines)) <= 80
    (mean,) = [line.split() for line in lines if line.startswith("mean ")]
    assert len(mean) == 10, "every policy, the best fixed variant with its name, and the bound"
    assert all(re.fullmatch(r"\d+\.\d\d|d\d+", word) for word in mean[1:])
