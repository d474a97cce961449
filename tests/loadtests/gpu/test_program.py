"""The suite as it is typed: every part, to its end, on the CPU; and on a GPU if there is one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from loadtests.gpu.__main__ import chosen
from loadtests.gpu.suite.parts import PARTS
from loadtests.gpu.suite.sizes import SIZES
from models.comparators.methods import METHODS

ROOT = Path(__file__).parents[3]


def suite(out: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "loadtests.gpu", "--out", str(out), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    pytest.importorskip("scipy")
    out = tmp_path_factory.mktemp("suite") / "found.json"
    code, said = suite(out, "--device", "cpu", "--size", "tiny", "--minutes", "9")
    body: dict[str, Any] = json.loads(out.read_text("utf-8"))
    body["code"], body["said"] = code, said
    body["drawn"] = out.with_suffix(".png").is_file()
    return body


def test_every_part_runs_to_its_end(ran: dict[str, Any]) -> None:
    ended = {name: part["status"] for name, part in ran["parts"].items()}
    absent = {"compiled": "not-run", "tensorrt": "not-run"}
    assert ended == {part.name: absent.get(part.name, "done") for part in PARTS}, ran["said"]
    assert all(ran["parts"][name]["why"] for name in absent)
    assert ran["code"] == 0, ran["said"]


def test_it_says_where_it_ran(ran: dict[str, Any]) -> None:
    assert ran["parts"]["machine"]["libraries"]["torch"].startswith(torch.__version__[:4])
    assert ran["parts"]["machine"]["processor"]
    assert (ran["seed"], ran["device"], ran["size"]) == (0, "cpu", "tiny")
    assert "commit" in ran
    assert ran["command"].startswith("python -m loadtests.gpu --out")


def test_table_4_has_every_method_and_task(ran: dict[str, Any]) -> None:
    for task in ("vqa", "reason", "caption"):
        rows = ran["parts"]["table4"][task]["methods"]
        assert set(rows) == set(METHODS)
        for row in rows.values():
            assert row["ms"]["median"] > 0
            assert row["share"] == pytest.approx(row["speed"]["median"] / row["ideal"], abs=1e-3)
        assert rows["full"]["speed"]["median"] == 1.0
        assert rows["otmv"]["paper"] > 1.5


def test_steps_have_lines_and_comparisons(ran: dict[str, Any]) -> None:
    steps, size = ran["parts"]["steps"], SIZES["tiny"]
    plain = steps["plain"]
    assert set(plain["stages"]) == {"stem", "block", "head"}
    assert set(plain["composed"]) == {str(batch) for batch in size.compared}
    assert all(row["answers_apart"] < 2e-2 for row in plain["composed"].values())
    assert plain["mixed"]["row_in_company_apart"] < 2e-2
    assert plain["peak_share"] > 0
    assert plain["idle"]["decisions"] > 0
    assert steps["memory"]["otmv"]["over_separate"] < 1


def test_what_limits_the_pipeline_is_named(ran: dict[str, Any]) -> None:
    found = ran["parts"]["end_to_end"]
    assert found["limit"] in found["shares"]
    assert set(found["shares"]) == set(found["alone"]) == {"decode", "upload", "model"}
    assert found["pictures_s"] > 0


def test_the_simulator_took_the_costs_that_were_measured(ran: dict[str, Any]) -> None:
    found = ran["parts"]["simulator"]
    assert found["costs_from"] == "plain"
    for study in ("as_is", "relative"):
        assert len(found[study]["loads"]) == 16
        assert found[study]["seeds"]
        assert {"elastic", "slackfit"} <= set(next(iter(found[study]["loads"].values())))


def test_eager_launches_are_set_beside_graphs(ran: dict[str, Any]) -> None:
    for batch in ("batch4", "batch1"):
        for method in ("full", "petadapter", "vladapter", "vlpet", "lora"):
            row = ran["parts"]["launching"][batch][method]
            assert row["profile"]["kernels"] > 0
            assert {"eager", "graph"} <= set(row)
    kernels = {
        m: row["profile"]["kernels"] for m, row in ran["parts"]["launching"]["batch4"].items()
    }
    assert kernels["full"] == kernels["lora"] < kernels["petadapter"] < kernels["vlpet"]


def test_bars_claim_nothing_here_and_a_picture_is_drawn(ran: dict[str, Any]) -> None:
    assert {bar["verdict"] for bar in ran["bars"]} == {"not-run"}
    assert ran["drawn"]


def test_it_keeps_to_its_time(tmp_path: Path) -> None:
    out, begun_s = tmp_path / "found.json", time.monotonic()
    suite(out, "--device", "cpu", "--size", "tiny", "--minutes", "0.2")
    took_s = time.monotonic() - begun_s
    ended = {part["status"] for part in json.loads(out.read_text("utf-8"))["parts"].values()}
    assert "skipped" in ended
    assert took_s < 60, "twelve seconds were asked for; a loaded machine starts slowly"


def test_parts_are_chosen_by_name_and_the_machine_always_comes_along() -> None:
    assert [part.name for part in chosen("steps,peak")] == ["machine", "peak", "steps"]
    assert chosen(None) == list(PARTS)
    with pytest.raises(ValueError, match="there are machine, peak"):
        chosen("peak,poetry")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_what_to_do(tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    _, said = suite(out, "--size", "tiny", "--minutes", "1", "--only", "peak")
    parts = json.loads(out.read_text("utf-8"))["parts"]
    assert parts["machine"]["status"] == "not-run"
    assert "--device cpu" in parts["machine"]["why"]
    assert parts["peak"]["status"] == "skipped"
    assert "--device cpu" in said


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu(tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    _, said = suite(out, "--device", "cuda", "--size", "tiny", "--minutes", "5")
    parts = json.loads(out.read_text("utf-8"))["parts"]
    bad = {name: part for name, part in parts.items() if part["status"] in ("failed", "cut off")}
    assert not bad, said
    assert all("speed" in row for row in parts["table4"]["vqa"]["methods"].values())
    assert parts["machine"]["gpu"]["multiprocessors"] > 0
