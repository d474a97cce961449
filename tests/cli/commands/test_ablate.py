"""`otmv ablate`: the list, one-line errors, what is refused before a run, what is written after."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import build
from loadtests.kit import results
from loadtests.kit.origin import CHANGES
from loadtests.tuning.ablate import estimate, program, runner
from loadtests.tuning.ablate.plans import ABLATIONS
from loadtests.tuning.ablate.run import AblationRun
from loadtests.tuning.ablate.runner import Runner
from loadtests.tuning.ablate.scale import QUICK
from tests.loadtests.tuning.ablate.made_up import found_by

NAME = "coefficients"


def run(*arguments: str) -> tuple[int, str, str]:
    words = ["ablate", *arguments]
    result = CliRunner().invoke(build(words), words)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[AblationRun]:
    """Replace the tuning, which takes hours: every run finds something at once."""
    heard: list[AblationRun] = []

    def take(of: Runner, runs: Sequence[AblationRun], report: object) -> dict[str, dict[str, Any]]:
        found = found_by(runs)
        for each in program.in_order(runs):
            if each.key not in of.kept:
                heard.append(each)
                of._keep(each, found[each.key])
        return found

    monkeypatch.setattr(Runner, "run", take)
    monkeypatch.setattr(runner, "commit_here", lambda: "abc")
    return heard


def places(folder: Path, out: Path | None = None) -> list[str]:
    return ["--quick", "--work", str(folder / "work"), "--out", str(out or folder / "out")]


def test_without_a_name_it_lists_every_ablation() -> None:
    code, out, _ = run()
    assert code == 0
    assert all(name in out and each.asks[:20] in out for name, each in ABLATIONS.items())


def test_an_unknown_name_is_one_line() -> None:
    code, out, errors = run("skip")
    assert (code, out) == (2, "")
    said = f"otmv ablate: no ablation 'skip'; there are {', '.join(ABLATIONS)}"
    assert errors.split() == said.split()


def test_a_look_is_labelled_in_the_file_and_over_the_picture(
    taken: list[AblationRun], tmp_path: Path
) -> None:
    code, out, errors = run(NAME, *places(tmp_path))
    assert code == 0, errors
    assert out.splitlines()[0].endswith("quick: a look, no result")
    found = json.loads((tmp_path / "out" / f"{NAME}-quick.json").read_text())
    assert (found["scale"], found["label"]) == ("quick", "quick: a look, no result")
    assert found["seeds"] == [0, 1, 2]
    assert found["commits_of_runs"] == ["abc"]
    assert len(found["runs"]) == len(taken) == 7
    assert {"machine", "commit", "libraries", "command", "code"} <= set(found)
    assert (tmp_path / "out" / f"{NAME}-quick.png").is_file()


def test_runs_that_are_kept_are_not_taken_again(taken: list[AblationRun], tmp_path: Path) -> None:
    run(NAME, *places(tmp_path))
    taken.clear()
    assert run(NAME, *places(tmp_path))[0] == 0
    assert taken == []
    run("merge", *places(tmp_path))
    assert len(taken) == 9, "the base is shared"
    run(NAME, *places(tmp_path), "--fresh")
    assert len(taken) == 9 + 7


def test_committed_results_of_a_changed_tree_are_refused_before_the_run_unless_told(
    taken: list[AblationRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "ROOT", tmp_path)
    monkeypatch.setattr(results, "commit_here", lambda: "abc" + CHANGES)
    out = tmp_path / "loadtests/here"
    code, _, errors = run(NAME, *places(tmp_path, out))
    assert (code, taken) == (1, [])
    assert "not a clean commit (abc+changes)" in errors
    assert run(NAME, *places(tmp_path, out), "--dirty-ok")[0] == 0
    assert json.loads((out / f"{NAME}-quick.json").read_text())["dirty_ok"] is True


def test_runs_of_a_changed_tree_are_not_published_later(
    taken: list[AblationRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "commit_here", lambda: "abc" + CHANGES)
    run(NAME, *places(tmp_path))
    monkeypatch.setattr(results, "ROOT", tmp_path)
    monkeypatch.setattr(results, "commit_here", lambda: "def")
    out = tmp_path / "loadtests/here"
    monkeypatch.setattr("loadtests.kit.origin.ROOT", tmp_path)
    code, _, errors = run(NAME, *places(tmp_path, out))
    assert code == 1
    assert "some runs are of abc+changes, no clean commit: --fresh takes them again" in errors
    assert not (out / f"{NAME}-quick.json").exists()


def test_results_of_other_code_are_refused(
    taken: list[AblationRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(NAME, *places(tmp_path))
    monkeypatch.setattr(program, "code_hash", lambda places: "other")
    code, _, errors = run(NAME, *places(tmp_path))
    assert code == 1
    assert "is of another run: code was" in errors
    assert "--fresh begins anew" in errors


def test_a_dry_run_lists_the_grid_and_its_time(
    taken: list[AblationRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "run_child", lambda *words: '{"step_cpu_s": 0.1}')
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(NAME, "--dry-run", *places(tmp_path), "--at-once", "2")
    assert code == 0
    assert "7 runs, 0 kept; " in out
    assert "with 2 at once" in out
    assert f"{QUICK.base_steps}" in out
    assert taken == []
    assert not (tmp_path / "work").exists()
    run(NAME, *places(tmp_path))
    assert "7 runs, 7 kept; 0 s of one core left" in run(NAME, "--dry-run", *places(tmp_path))[1]
