from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import build
from loadtests.kit import artifacts, results
from loadtests.kit.artifacts import FAMILY
from loadtests.kit.errors import BenchError
from loadtests.kit.journal import Journal
from loadtests.kit.origin import CHANGES
from loadtests.slo import bench, program
from loadtests.slo.bench import SloBench, SloResults
from loadtests.slo.plan import EVERY_CELL, QUICK_CELLS
from loadtests.slo.program import SloRun
from loadtests.slo.servers import RIVALS
from loadtests.slo.tuning import program as tuning
from loadtests.slo.tuning.search import SettingsSpace, Trial, Tuned
from loadtests.slo.tuning.settings import settings_file
from loadtests.slo.visits import OURS
from loadtests.slo.workload import Cell, CellLength
from tests.cli.commands.bench.fake_servers import QUALITY, SETTINGS, FakeServers, yardstick
from tests.engine.artifacts.tiny_artifact import write_tiny


def run(*arguments: str) -> tuple[int, str, str]:
    words = ["bench", *arguments]
    result = CliRunner().invoke(build(words), words)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServers:
    """Replace the measuring. All rivals but ray are installed."""
    fake = FakeServers()

    def absent(rival: str, folder: Path) -> str | None:
        return "ray is not installed: make .venv-rivals/.installed" if rival == "ray" else None

    monkeypatch.setattr(program, "plan_run", fake.plan_run)
    monkeypatch.setattr(SloRun, "run", lambda of, report: fake.measure(of, report))
    monkeypatch.setattr(bench, "absent", absent)
    monkeypatch.setattr(artifacts, "ensure_artifacts", lambda folder, names, report: {"base": "h"})
    return fake


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    """Return options that name an artifact and settings for every rival and variant of it."""
    write_tiny(tmp_path / "made" / FAMILY)
    for rival in RIVALS:
        for variant in QUALITY:
            path = settings_file(tmp_path / "settings", rival, variant)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"settings": asdict(SETTINGS)}))
    return ["--artifacts", str(tmp_path / "made"), "--settings", str(tmp_path / "settings")]


def test_quick_measures_two_rivals_once_and_draws_no_bar(
    faked: FakeServers, places: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "slo.json"
    code, out, notes = run("slo", "--quick", *places, "--seed", "5", "--json", str(path))
    assert code == 0
    assert list(faked.tuned[0]) == ["mosec", "openvino"]
    assert faked.tuned[0]["mosec"] == dict.fromkeys(QUALITY, SETTINGS)
    (setup,) = faked.setups
    assert (setup.cells, setup.seed, setup.length) == (QUICK_CELLS, 5, CellLength())
    assert faked.turns == [1]
    assert "BAR slo.mosec.over-full - >=1.5 not-run (1 visit; a bar needs 3)" in out
    assert "BAR slo.ray.over-full - >=1.5 not-run (not part of this run: --full)" in out
    assert "cells to measure" in notes
    found = json.loads(path.read_text())
    assert found["command"] == " ".join(["otmv", *sys.argv[1:]])
    assert (found["seed"], found["visits"], found["artifacts"]) == (5, 1, {"base": "h"})
    assert found["settings"]["openvino"]["full"] == asdict(SETTINGS)
    assert {row["side"] for row in found["onnxruntime"]["rows"]} == {OURS, "mosec"}
    assert {row["side"] for row in found["openvino"]["rows"]} == {OURS, "openvino"}
    assert {"machine", "commit", "code"} <= set(found)


def test_full_is_three_visits_of_every_cell_to_every_rival_that_is_there(
    faked: FakeServers, places: list[str], tmp_path: Path
) -> None:
    picture = tmp_path / "slo.png"
    code, out, _ = run("slo", "--full", *places, "--plot", str(picture))
    assert code == 0
    assert list(faked.tuned[0]) == ["litserve", "mosec", "openvino"]
    assert (faked.setups[0].cells, faked.turns) == (EVERY_CELL, [3])
    assert "BAR slo.mosec.over-full 3.317 >=1.5 ok (95 % 3.317 to 3.317; " in out
    assert "BAR slo.ours.openvino.attainment-at-2x 0.995 >=0.99 ok" in out
    assert "BAR slo.ours.onnxruntime.on-time-chances.mean-error 0.000 <=0.03 ok" in out
    assert "BAR slo.ray.over-full - >=1.5 not-run (ray is not installed: make .venv-" in out
    names = ("slo.png", "slo_chances.png", "slo_openvino.png", "slo_openvino_chances.png")
    assert {each.name for each in tmp_path.glob("*.png")} == set(names)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_bar_that_is_short_or_a_rival_that_failed_ends_with_1(
    faked: FakeServers, places: list[str]
) -> None:
    faked.points["mosec"] = 97.0
    code, out, _ = run("slo", "--full", *places, "--rival", "mosec")
    assert code == 1
    assert "BAR slo.mosec.over-full 1.026 >=1.5 short" in out
    faked.points["mosec"], faked.failing = 30.0, {"mosec"}
    code, out, errors = run("slo", "--full", *places, "--fresh")
    assert code == 1
    assert "otmv bench slo: mosec: it ended" in errors
    assert "BAR slo.mosec.over-full - >=1.5 not-run (it ended)" in out


def test_a_journal_of_other_settings_is_refused_until_it_is_begun_anew(
    faked: FakeServers, places: list[str], tmp_path: Path
) -> None:
    assert run("slo", "--rival", "mosec", *places)[0] == 0
    assert (tmp_path / "made/slo-quick.jsonl").is_file()
    other = settings_file(tmp_path / "settings", "mosec", "full")
    other.write_text(json.dumps({"settings": {**asdict(SETTINGS), "max_batch": 8}}))
    code, out, errors = run("slo", "--rival", "mosec", *places)
    assert (code, out) == (1, "")
    assert "is of another run: settings was" in errors
    assert run("slo", "--rival", "mosec", *places, "--seconds", "30", "--fresh")[0] == 0
    code, _, errors = run("slo", "--rival", "mosec", *places)
    assert "options was" in errors
    assert run("slo", "--rival", "mosec", *places, "--journal", str(tmp_path / "j"))[0] == 0


def test_tuning_writes_what_the_benchmark_reads(
    faked: FakeServers, places: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = []

    def plan_tunings(
        rivals: list[str], setup: SloBench, journal: Journal, report: object
    ) -> list[tuning.Tuning]:
        seeds.append(setup.seed)
        cells, space = (Cell(1.0, 4.0),), SettingsSpace(2, True)
        return [
            tuning.Tuning(rival, variant, yardstick("onnxruntime"), cells, space)
            for rival in rivals
            for variant in QUALITY
        ]

    def tune(
        tunings: list[tuning.Tuning], setup: SloBench, journal: Journal, report: object
    ) -> dict[tuple[str, str], Tuned]:
        scores = {Trial(SETTINGS, Cell(1.0, 4.0)): 71.5}
        return {(each.rival, each.variant): Tuned(SETTINGS, scores) for each in tunings}

    monkeypatch.setattr(tuning, "plan_tunings", plan_tunings)
    monkeypatch.setattr(tuning, "tune", tune)
    words = ["--artifacts", str(tmp_path / "made"), "--settings", str(tmp_path / "new")]
    code, out, notes = run("slo", "--tune-rivals", "--rival", "mosec", *words)
    assert code == 0
    assert "4 searches, at most 52 trials, about" in notes
    assert "71.5" in out
    assert seeds == [1000]  # not those that report
    found = json.loads((tmp_path / "new/mosec/full.json").read_text())
    assert found["settings"] == asdict(SETTINGS)
    assert found["trials"][0]["max_batch"] == 2
    assert {"machine", "commit", "seed", "command"} <= set(found)
    assert run("slo", "--rival", "mosec", *words)[0] == 0
    assert faked.tuned[-1] == {"mosec": dict.fromkeys(QUALITY, SETTINGS)}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--rival", "nobody"], "no rival 'nobody'; there are litserve, ray, mosec, openvino"),
        (["--settings", "nowhere"], "full.json is not there: otmv bench slo --tune-rivals"),
        (["--rival", "ray"], "make .venv-rivals/.installed"),
        (["--tune-rivals", "--rival", "ray"], "make .venv-rivals/.installed"),
    ],
)
def test_what_is_missing_is_one_line(
    arguments: list[str], problem: str, faked: FakeServers, places: list[str]
) -> None:
    code, out, errors = run("slo", *places, *arguments)
    assert (code, out) == (1, "")
    assert problem in errors
    assert len(errors.strip().splitlines()) == 1


def test_our_own_server_failing_is_one_line(
    faked: FakeServers, places: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SloRun, "run", broken)
    code, _, errors = run("slo", *places)
    assert code == 1
    assert "the server ended: why" in errors


def test_being_stopped_is_one_line_that_says_how_to_go_on(
    faked: FakeServers, places: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(of: SloRun, report: object) -> Mapping[str, SloResults]:
        raise KeyboardInterrupt

    monkeypatch.setattr(SloRun, "run", stopped)
    code, out, errors = run("slo", *places)
    assert (code, out) == (130, "")
    last = errors.strip().splitlines()[-1]
    assert last.endswith("otmv bench slo: stopped; the same command goes on where it was")


def broken(of: SloRun, report: object) -> Mapping[str, SloResults]:
    raise BenchError("the server ended: why")


def test_committed_results_of_a_changed_tree_are_refused_before_the_run_unless_told(
    faked: FakeServers, places: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "ROOT", tmp_path)
    monkeypatch.setattr(results, "commit_here", lambda: "abc" + CHANGES)
    path = tmp_path / "loadtests/slo.json"
    code, out, errors = run("slo", *places, "--json", str(path))
    assert (code, out, faked.setups) == (1, "", [])
    assert "not a clean commit (abc+changes)" in errors
    settings = ["--settings", str(tmp_path / "loadtests/settings")]
    code, _, errors = run("slo", "--tune-rivals", "--rival", "mosec", *places[:2], *settings)
    assert code == 1
    assert "not a clean commit" in errors
    assert run("--dirty-ok", "slo", *places, "--json", str(path))[0] == 0
    assert json.loads(path.read_text())["dirty_ok"] is True
