"""`otmv bench loadgen`: MLPerf's load generator before a real HTTP server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands.bench import app as bench
from cli.commands.eval import app as evaluation
from engine.errors import QueueFull
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import serving_fake
from tests.tuning.data.small_sets import SETS, lines

pytest.importorskip("mlperf_loadgen", reason="mlcommons-loadgen has no build for this machine")

COLORS = ("red", "blue", "red", "green")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four questions; the fake server answers all of them with red."""
    SETS["jsonl"](tmp_path / "data")
    records = [
        {"image": f"pictures/{i}.png", "question": "what color is the circle?", "answer": color}
        for i, color in enumerate(COLORS)
    ]
    lines(tmp_path / "data/vqa.train.jsonl", records)
    return tmp_path / "data"


@pytest.fixture
def pool() -> FakePool:
    return FakePool()


@pytest.fixture
def url(pool: FakePool) -> Iterator[str]:
    with serving_fake(pool, max_body_bytes=2**20) as asked:
        yield asked.url


def loadgen(url: str, data: Path, *words: str) -> tuple[int, str, str]:
    logs = data.parent / "logs"
    arguments = ["loadgen", url, "--data", str(data), "--logs", str(logs), *words]
    result = CliRunner().invoke(bench, arguments, env={"COLUMNS": "80"})
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("scenario", ["server", "offline", "single-stream"])
def test_its_accuracy_is_what_eval_measures(url: str, data: Path, scenario: str) -> None:
    words = ("--mode", "accuracy", "--variant", "full", "--scenario", scenario)
    code, said, noted = loadgen(url, data, *words)
    assert code == 0, noted
    arguments = [url, "--data", str(data), "--task", "vqa", "--variants", "full"]
    table = CliRunner().invoke(evaluation, arguments, env={"COLUMNS": "80"}).stdout
    assert "0.5000" in table
    assert said.startswith(table)
    logged = json.loads((data.parent / "logs/mlperf_log_accuracy.json").read_text())
    assert sorted(each["qsl_idx"] for each in logged) == [0, 1, 2, 3]
    assert {bytes.fromhex(each["data"]) for each in logged} == {b"red"}


def test_a_run_keeps_its_logs_and_tells_the_verdict(url: str, data: Path, pool: FakePool) -> None:
    words = ("--target-qps", "50", "--target-latency-ms", "500", "--seconds", "1")
    code, said, noted = loadgen(url, data, *words, "--max-latency-ms", "250")
    assert "BAR loadgen-unanswered 0.000 <=0 ok" in said, noted
    assert "p99, ms" in said
    summary = (data.parent / "logs/mlperf_log_summary.txt").read_text()
    valid = "Result is : VALID" in summary
    assert f"BAR loadgen-valid {float(valid):.3f} >=1" in said
    assert code == (0 if valid else 1)
    assert pool.admitted[-1].budget.max_latency_ms == 250


def test_refusals_are_no_answers(url: str, data: Path, pool: FakePool) -> None:
    pool.admit_error = QueueFull(8, 1.0)
    code, said, _ = loadgen(url, data, "--mode", "accuracy")
    assert code == 1
    assert "BAR loadgen-unanswered 4.000 <=0 short (HTTP 429: 4)" in said
    assert "4 of them skipped" in said


def test_what_cannot_be_measured_is_one_line(data: Path) -> None:
    code, _, errors = loadgen("http://127.0.0.1:9", data)
    assert code == 1
    assert len(errors.splitlines()) == 1
    assert "start it with otmv serve" in errors
