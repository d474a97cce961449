from __future__ import annotations

import functools
import importlib
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import COMMANDS, build, module_of

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


def test_help_breaks_lines_where_the_terminal_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    _, text = run("world", "--help")
    assert "with statements about each picture and the one before it. Nothing is" in text
    assert "otmv world world/train --count 2000 --seed 1" in map(str.strip, text.splitlines())


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


@pytest.mark.parametrize(
    ("command", "said"), [("tune", "the same command resumes"), ("inspect", "")]
)
def test_an_interrupt_is_one_line(
    command: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    module = importlib.import_module(module_of(command))
    (registered,) = module.app.registered_commands
    inner = inspect.unwrap(registered.callback)
    monkeypatch.setattr(registered, "callback", functools.wraps(inner)(interrupted))
    given = {"tune": ["tune", "demo"], "inspect": ["inspect", str(tmp_path)]}
    code, text = run(*given[command])
    assert code == 130
    assert f"otmv {command}: stopped" in text
    assert said in text
    assert len(text.splitlines()) == 1


def imported_by(script: str) -> set[str]:
    """Return the top-level packages that `script` imports in an interpreter of its own."""
    script += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return set(found.stdout.splitlines()[-1].split())


HEAVY = {"torch", "onnx", "onnxruntime", "numpy", "pydantic", "fastapi", "httpx", "PIL"}
OURS = {"artifact", "engine", "exporters", "loadtests", "models", "pictures", "server", "tuning"}


def help_of(*words: str) -> str:
    return f"""
import cli.main
try:
    cli.main.build({[*words]!r})([*{[*words]!r}, "--help"])
except SystemExit as end:
    assert end.code == 0
"""


def test_the_list_of_commands_imports_nothing_heavy() -> None:
    assert not imported_by(help_of()) & (HEAVY | OURS)


@pytest.mark.parametrize(
    "command", ["export", "import", "tune", "eval", "build", "inspect", "bench"]
)
def test_help_of_a_command_waits_with_what_is_heavy(command: str) -> None:
    assert not imported_by(help_of(command)) & {"torch", "onnx", "onnxruntime", "models"}


def test_serving_imports_no_torch() -> None:
    online = ("serve", "ask", "inspect", "profile", "world")
    script = "".join(f"import {module_of(name)}\n" for name in online) + "import engine.pool"
    assert not imported_by(script) & {"torch", "onnx", "exporters", "models"}
    assert not imported_by(help_of("serve")) & {"torch", "onnx", "exporters", "models"}
