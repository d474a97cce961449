from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import build
from loadtests.table4 import drive, galleries, program
from loadtests.table4.drive import Drive
from loadtests.table4.ledger import Count, Ledger
from loadtests.table4.presets import CPU
from loadtests.table4.program import Table4Bench, Table4Results
from loadtests.table4.rows import MethodSpeed
from models.comparators.methods import METHODS
from monitoring.table4 import COLUMNS


def run(*arguments: str) -> tuple[int, str, str]:
    words = ["bench", "table4", *arguments]
    result = CliRunner().invoke(build(words), words, env={"COLUMNS": "200"})
    return result.exit_code, result.stdout, result.stderr


def measured(setup: Table4Bench, slow: str = "") -> Table4Results:
    """Return every method at exactly its ideal, 1.2; but `slow` at half of it."""
    rows = []
    for task in setup.tasks:
        for method in setup.methods:
            flops = 12 if method == "full" else 10
            time_s = flops * (2.0 if method == slow else 1.0)
            rows.append(MethodSpeed(task, method, flops, (time_s,) * setup.rounds))
    return Table4Results(rows, {}, "onnxruntime 9", dict.fromkeys(setup.tasks, 1.0))


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> list[Table4Bench]:
    """Replace the measuring; the list gets what it was called with."""
    calls: list[Table4Bench] = []

    def run_all(setup: Table4Bench, report: object) -> Table4Results:
        calls.append(setup)
        return measured(setup)

    monkeypatch.setattr(program, "run_all", run_all)
    monkeypatch.setattr(galleries, "ensure_galleries", lambda *_: {"gallery": "h"})
    return calls


def test_everything_is_measured_shown_and_written(
    tmp_path: Path, faked: list[Table4Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, picture = tmp_path / "table4.json", tmp_path / "table4.png"
    code, out, _ = run("--json", str(path), "--plot", str(picture), "--seed", "5")
    assert code == 0
    (setup,) = faked
    assert (setup.preset, setup.tasks, setup.methods) == (CPU, list(COLUMNS), list(METHODS))
    assert (setup.rounds, setup.seed) == (15, 5)
    for task in COLUMNS:
        assert f"{task}: speed over full fine-tuning" in out
        assert f"BAR table4.cpu.{task}.otmv.share-of-ideal 1.000 >=0.93 ok" in out
        assert f"BAR table4.cpu.{task}.order 0.000 <=0 ok" in out
    found = json.loads(path.read_text())
    assert found["command"] == " ".join(["otmv", *sys.argv[1:]])
    assert (found["artifacts"], found["seed"], found["rounds"]) == ({"gallery": "h"}, 5, 15)
    assert found["backend"] == "onnxruntime 9"
    assert len(found["rows"]) == len(COLUMNS) * len(METHODS)
    assert {"machine", "commit", "libraries", "bars", "paper"} <= set(found)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_few_methods_of_one_task(faked: list[Table4Bench]) -> None:
    code, out, _ = run("--task", "reason", "--method", "upop", "--rounds", "2")
    assert code == 0
    assert (faked[0].tasks, faked[0].methods, faked[0].rounds) == (["reason"], ["full", "upop"], 2)
    assert "2 rounds, too few to claim" in out
    assert "otmv" not in out


def test_a_short_bar_ends_with_1(faked: list[Table4Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "run_all", lambda setup, _: measured(setup, slow="otmv"))
    code, out, _ = run()
    assert code == 1
    assert "BAR table4.cpu.vqa.otmv.share-of-ideal 0.500 >=0.93 short" in out


def test_a_task_that_failed_is_reported_beside_the_others(
    faked: list[Table4Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_all(setup: Table4Bench, report: object) -> Table4Results:
        found = measured(setup)
        found.rows = [row for row in found.rows if row.task != "vqa"]
        found.failed["vqa"] = "it broke"
        return found

    monkeypatch.setattr(program, "run_all", run_all)
    code, out, errors = run()
    assert code == 1
    assert "BAR table4.cpu.vqa.order - <=0 not-run (it broke)" in out
    assert "caption: speed over full fine-tuning" in out
    assert "otmv bench table4: vqa: it broke" in errors


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--preset", "gpu"], "no preset 'gpu'; there are cpu, paper"),
        (["--task", "sing"], "no task 'sing'; there are vqa, reason, caption"),
        (["--method", "best"], "no method 'best'; there are full, petadapter"),
        (["--backend", "abacus"], "backend 'abacus' is not installed; there are onnxruntime"),
        (["--drive", "http://127.0.0.1:9"], "give one --task, the gallery's"),
        (["--drive", "http://127.0.0.1:9", "--task", "vqa"], "start `otmv serve` there"),
        (["--from-prometheus", "http://127.0.0.1:9"], "cannot reach Prometheus at http://127"),
        (["--from-prometheus", "http://127.0.0.1:9", "--window", "soon"], "as in 90s, 5m or 1h"),
        (["--from-prometheus", "http://x", "--direct", "none.json"], "write it with `--json`"),
        (["--from-prometheus", "http://x", "--ledger", "none.json"], "--drive URL --ledger FILE"),
    ],
)
def test_a_wrong_option_is_one_line(arguments: list[str], problem: str) -> None:
    code, out, errors = run(*arguments)
    assert (code, out) == (1, "")
    assert problem in errors
    assert len(errors.strip().splitlines()) == 1


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> list[Drive]:
    """Replace the traffic; the list gets what it was called with."""
    calls: list[Drive] = []

    def run(asked: Drive, report: object) -> Ledger:
        calls.append(asked)
        return Ledger(asked.url, asked.task, 8, 32, 0, 1.0, 2.0, {"full": Count(3, 3)})

    monkeypatch.setattr(drive, "run", run)
    return calls


def test_driving_writes_the_ledger_and_measures_nothing(
    tmp_path: Path, driven: list[Drive], faked: list[Table4Bench]
) -> None:
    path = tmp_path / "run.json"
    words = ["--drive", "http://h:1/", "--task", "caption", "--seconds", "5", "--ledger", str(path)]
    assert run(*words)[0] == 0
    assert driven == [Drive("http://h:1", "caption", 5.0, 8, 32, 8, ())]
    assert Ledger.read(path).variants == {"full": Count(3, 3)}
    assert faked == []


def test_the_traffic_of_some_methods_and_more_of_it(driven: list[Drive]) -> None:
    words = ["--drive", "http://h:1", "--task", "vqa", "--method", "upop", "--concurrency", "3"]
    assert run(*words)[0] == 0
    assert driven == [Drive("http://h:1", "vqa", 60.0, 3, 32, 0, ("upop",))]


def test_the_help_teaches_both_ways() -> None:
    code, out, _ = run("--help")
    assert code == 0
    for word in ("--from-prometheus", "--drive", "--ledger", "OTMV_MAX_BATCH=4 otmv serve GALLERY"):
        assert word in out
