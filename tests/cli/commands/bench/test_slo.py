from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import build
from loadtests.kit import artifacts
from loadtests.kit.errors import BenchError
from loadtests.slo import program, servers
from loadtests.slo.program import EVERY_CELL, QUICK_CELLS, SloBench, SloResults
from loadtests.slo.judging.scoring import CellScore
from loadtests.slo.sweep import GRID, RivalSettings, Trial, record
from loadtests.slo.visits import OURS, CellResult, Yardstick
from loadtests.slo.workload import Cell


def run(*arguments: str) -> tuple[int, str, str]:
    words = ["bench", "slo", *arguments]
    result = CliRunner().invoke(build(words), words)
    return result.exit_code, result.stdout, result.stderr


GROUND = Yardstick(
    Path("family"),
    {"d3": 0.7, "full": 0.95},
    {"d3": {1: 40.0}, "full": {1: 10.0}},
    0.1,
)


def a_row(side: str, variant: str, cell: Cell, effective: float) -> CellResult:
    timeline = [{"d3": 1, "full": 2}, {"miss": 1}]
    made = CellScore(100, 1.0, effective, 1.0, {}, {}, {}, timeline, {}, 0.0, 0.0)
    return CellResult(side, variant, 0, cell, made)


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[list[str], SloBench]]:
    """Replace the measuring; the list gets what it was called with. All but ray are installed."""
    calls: list[tuple[list[str], SloBench]] = []

    def run_beside(
        settings: dict[str, RivalSettings], setup: SloBench, report: object
    ) -> SloResults:
        calls.append(([*settings], setup))
        sides = [(OURS, "", 90.0), *((r, v, 30.0) for r in settings for v in GROUND.quality)]
        cells = setup.offering.cells
        return SloResults(
            GROUND, [a_row(*side[:2], cell, side[2]) for side in sides for cell in cells]
        )

    def run_alone(artifact: Path, setup: SloBench, report: object) -> SloResults:
        return SloResults(GROUND, [a_row(OURS, "", cell, 80.0) for cell in setup.offering.cells])

    def sweep(rivals: list[str], setup: SloBench, report: object) -> dict[str, list[Trial]]:
        return {rival: [Trial(GRID[1], 50.0, 0.6), Trial(GRID[0], 40.0, 0.5)] for rival in rivals}

    def missing(rival: str, folder: Path) -> str | None:
        return "ray is not installed: make .venv-rivals/.installed" if rival == "ray" else None

    monkeypatch.setattr(program, "run_beside", run_beside)
    monkeypatch.setattr(program, "run_alone", run_alone)
    monkeypatch.setattr(program, "sweep", sweep)
    monkeypatch.setattr(servers, "missing", missing)
    monkeypatch.setattr(artifacts, "ensure_artifacts", lambda folder, names, report: {"base": "h"})
    return calls


@pytest.fixture
def settings(tmp_path: Path) -> str:
    path = tmp_path / "sweep.json"
    trials = {name: [Trial(GRID[0], 40.0, 0.5)] for name in servers.RIVALS}
    path.write_text(json.dumps(record(trials)))
    return str(path)


def test_quick_measures_two_rivals_and_names_all_that_was_not_run(
    faked: list[tuple[list[str], SloBench]], settings: str, tmp_path: Path
) -> None:
    path = tmp_path / "slo.json"
    code, out, _ = run("--quick", "--settings", settings, "--seed", "5", "--json", str(path))
    assert code == 0
    ((rivals, setup),) = faked
    assert rivals == ["litserve"]  # ray is not there
    assert (setup.offering.cells, setup.offering.seed) == (QUICK_CELLS, 5)
    assert "BAR slo.litserve.over-full 3.000 >=1.5 ok" in out
    assert "BAR slo.ray.over-full - >=1.5 not-run (ray is not installed: make .venv-" in out
    assert "BAR slo.mosec.over-full - >=1.5 not-run (not part of this run: --full)" in out
    assert "demo, no bars" in out
    found = json.loads(path.read_text())
    assert found["command"] == " ".join(["otmv", *sys.argv[1:]])
    assert (found["seed"], found["artifacts"], found["failures"]) == (5, {"base": "h"}, [])
    assert set(found["settings"]) == {"litserve"}
    assert {row["side"] for row in found["family"]["rows"]} == {"ours", "litserve"}
    assert {row["side"] for row in found["demo"]["rows"]} == {"ours"}


def test_full_is_every_cell_and_every_rival_that_is_there(
    faked: list[tuple[list[str], SloBench]], settings: str, tmp_path: Path
) -> None:
    picture = tmp_path / "slo.png"
    code, _, _ = run("--full", "--settings", settings, "--seconds", "3", "--plot", str(picture))
    assert code == 0
    ((rivals, setup),) = faked
    assert rivals == ["litserve", "mosec"]
    assert (setup.offering.cells, setup.offering.seconds) == (EVERY_CELL, 3.0)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "measured",
    [
        SloResults(GROUND, [a_row(OURS, "", cell, 10.0) for cell in QUICK_CELLS], failures=["ray"]),
        SloResults(
            GROUND,
            [
                a_row(side, v, c, 50.0)
                for side, v in ((OURS, ""), ("ray", "full"))
                for c in QUICK_CELLS
            ],
        ),
    ],
)
def test_a_short_bar_or_a_rival_that_failed_ends_with_1(
    measured: SloResults, faked: object, settings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "run_beside", lambda *_: measured)
    assert run("--quick", "--settings", settings)[0] == 1


def test_the_sweep_writes_what_the_benchmark_reads(
    faked: list[tuple[list[str], SloBench]], tmp_path: Path
) -> None:
    path = tmp_path / "sweep.json"
    code, out, _ = run("--sweep", "--rival", "mosec", "--settings", str(path))
    assert code == 0
    assert 'mosec: {"max_batch": 2' in out
    assert run("--quick", "--rival", "mosec", "--settings", str(path))[0] == 0
    assert faked[0][0] == ["mosec"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--rival", "nobody"], "no rival 'nobody'; there are litserve, ray, mosec"),
        (["--settings", "nowhere.json"], "otmv bench slo --sweep"),
        (["--sweep", "--rival", "ray"], "make .venv-rivals/.installed"),
    ],
)
def test_what_is_missing_is_one_line(arguments: list[str], problem: str, faked: object) -> None:
    code, out, errors = run(*arguments)
    assert (code, out) == (1, "")
    assert problem in errors
    assert len(errors.strip().splitlines()) == 1


def test_our_own_server_failing_is_one_line(
    faked: object, settings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> SloResults:
        raise BenchError("the server ended: why")

    monkeypatch.setattr(program, "run_beside", broken)
    code, _, errors = run("--settings", settings)
    assert code == 1
    assert "the server ended: why" in errors
