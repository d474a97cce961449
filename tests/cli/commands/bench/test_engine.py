from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from artifact.errors import how_to_install
from cli.commands.bench import console
from cli.commands.bench.console import progress
from cli.main import build
from loadtests.engine import program
from loadtests.engine.program import EngineResults
from loadtests.engine.setup import EngineBench
from loadtests.kit import artifacts
from loadtests.kit.bars import Bar


def run(*arguments: str) -> tuple[int, str, str]:
    words = ["bench", *arguments]
    result = CliRunner().invoke(build(words), words)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], EngineBench]]:
    """Replace the measuring; the list gets what it was called with."""
    calls: list[tuple[list[str], EngineBench]] = []

    def run_all(
        comparisons: list[object], backends: list[str], setup: EngineBench, report: object
    ) -> EngineResults:
        calls.append(([*backends], setup))
        bars = [Bar("engine.a", 1.0, 1.05, False), Bar("engine.b", None, 1.0, False, "why")]
        return EngineResults(bars, {"a": 0.1}, [])

    monkeypatch.setattr(program, "run_all", run_all)
    monkeypatch.setattr(artifacts, "ensure_artifacts", lambda folder, names, report: {"base1": "h"})
    return calls


def test_the_group_lists_both() -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "engine" in out
    assert "simulate" in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--only", "nothing"], "no comparison 'nothing'; there are composed, memory"),
        (["--backend", "nothing"], "backend 'nothing' is not installed; there are onnxruntime"),
    ],
)
def test_a_wrong_option_is_one_line(arguments: list[str], problem: str) -> None:
    code, out, errors = run("engine", *arguments)
    assert (code, out) == (1, "")
    assert problem in errors
    assert len(errors.splitlines()) == 1


def test_missing_artifacts_without_the_extra_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "find_spec", lambda name: None)
    code, _, errors = run("engine", "--only", "composed", "--artifacts", str(tmp_path))
    assert code == 1
    assert how_to_install("export") in errors
    assert len(errors.strip().splitlines()) == 1


def test_the_file_and_the_lines_say_the_same(
    tmp_path: Path, faked: list[tuple[list[str], EngineBench]]
) -> None:
    path = tmp_path / "engine.json"
    code, out, _ = run(
        "engine", "--quick", "--backend", "onnxruntime", "--seed", "5", "--json", str(path)
    )
    assert code == 0
    assert "BAR engine.a 1.000 <=1.05 ok" in out
    assert "BAR engine.b - <=1 not-run (why)" in out
    found = json.loads(path.read_text())
    assert [bar["name"] for bar in found["bars"]] == ["engine.a", "engine.b"]
    assert found["command"] == " ".join(["otmv", *sys.argv[1:]])
    assert (found["seed"], found["pairs"], found["artifacts"]) == (5, 3, {"base1": "h"})
    ((backends, setup),) = faked
    assert backends == ["onnxruntime"]
    assert (setup.pairs, setup.seed) == (3, 5)


@pytest.mark.parametrize(
    "measured",
    [
        EngineResults([Bar("engine.a", 2.0, 1.05, False)], {}, []),
        EngineResults([Bar("engine.a", None, 1.05, False)], {}, ["a: it broke"]),
    ],
)
def test_a_short_bar_or_a_broken_row_ends_with_1(
    measured: EngineResults, faked: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "run_all", lambda *_: measured)
    assert run("engine")[0] == 1


def test_being_stopped_is_reported() -> None:
    with pytest.raises(SystemExit, match="stopped by SIGTERM"), progress():
        signal.raise_signal(signal.SIGTERM)


def test_in_a_pipe_a_line_now_and_then_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_LINE_EVERY_S", 0.0)
    with progress() as report:
        report("mosec [d3]: 1x", 0.25)
    assert " 25% mosec [d3]: 1x" in capsys.readouterr().err
    monkeypatch.setattr(console, "_LINE_EVERY_S", 60.0)
    with progress() as report:
        report("mosec", 0.5)
    assert "mosec" not in capsys.readouterr().err


def test_simulate_is_the_standard_run_of_otmv_simulate(monkeypatch: pytest.MonkeyPatch) -> None:
    import cli.commands.simulate

    calls: list[dict[str, object]] = []
    monkeypatch.setattr(cli.commands.simulate, "simulate", lambda **options: calls.append(options))
    assert run("simulate", "--seconds", "2", "--seeds", "1", "--json", "out.json")[0] == 0
    (options,) = calls
    assert (options["seconds"], options["seeds"], options["jobs"]) == (2.0, 1, 1)
    assert options["json_file"] == Path("out.json")
    assert "rate" not in options
