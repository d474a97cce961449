from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import COMMANDS, build

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(build(list(arguments)), list(arguments))
    return result.exit_code, result.output


def test_help_lists_every_command() -> None:
    code, text = run("--help")
    assert code == 0
    for name in COMMANDS:
        assert name in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches(command: str) -> None:
    code, text = run(command, "--help")
    assert code == 0
    assert "Usage" in text


def test_a_typo_gets_a_suggestion() -> None:
    code, text = run("exprt")
    assert code == 2
    assert "export" in text


def test_version_is_the_package_version() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    found = subprocess.run(
        [sys.executable, "-m", "cli.main", "--version"], capture_output=True, text=True, cwd=ROOT
    )
    assert found.stdout.split() == ["otmv", declared]
    assert f"[{declared}]" in (ROOT / "CHANGELOG.md").read_text()


def test_serving_imports_no_torch() -> None:
    script = (
        "import sys, cli.serve_, cli.ask_, cli.inspect_, cli.profile_, cli.world_, engine.pool\n"
        "bad = [m for m in ('torch', 'onnx', 'exporters', 'models') if m in sys.modules]\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 0, found.stderr
