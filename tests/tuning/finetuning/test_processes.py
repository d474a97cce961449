"""Two processes beside one with the same batches in all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tuning.finetuning.tiny import recipe

ROOT = Path(__file__).parents[3]


def run(
    count: int, said: dict[str, Any], out: Path, folder: Path, end: int = -1
) -> list[dict[str, float]]:
    """Run a recipe in as many processes; return each step's losses."""
    out.mkdir(exist_ok=True)
    (out / "recipe.json").write_text(json.dumps(said))
    script = str(Path(__file__).with_name("in_processes.py"))
    words = [script, str(out / "recipe.json"), str(out), str(folder), str(end)]
    started = [sys.executable, *words]
    if count > 1:
        launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count))
        started = [sys.executable, *launcher, *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        started, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    steps: list[dict[str, float]] = json.loads((out / "steps.json").read_text())
    return steps


@pytest.mark.slow
@pytest.mark.parametrize("accumulation", [1, 2])
def test_two_processes_compute_what_one_does_and_resume_its_run(
    squares: Path, tmp_path: Path, accumulation: int
) -> None:
    said = recipe(squares, run={"accumulation": accumulation, "steps": 4, "checkpoint_every": 2})
    one, two = tmp_path / "one", tmp_path / "two"
    alone = run(1, said, one, tmp_path / "run")
    together = run(2, said, two, tmp_path / "run-2")
    wanted, found = (torch.load(out / "gradients.pt", weights_only=True) for out in (one, two))
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        assert (found[name] - gradient).norm() <= 1e-5 * gradient.norm() + 1e-10, name
    for ours, theirs in zip(together, alone, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
    # Killed in two processes behind the checkpoint of step 2, the rest in one.
    run(2, said, tmp_path / "begun", tmp_path / "resumed", end=2)
    rest = run(1, said, tmp_path / "ended", tmp_path / "resumed")
    assert [each["step"] for each in rest] == [2, 3]
    for ours, theirs in zip(rest, alone[2:], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
