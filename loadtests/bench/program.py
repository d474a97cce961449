"""What `otmv bench engine` does: every row in its own process, one after the other."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import IO

from engine.backends.registry import backend_names, installed_backends
from loadtests.bars import Bar
from loadtests.bench.artifacts import environment
from loadtests.bench.pairs import Report
from loadtests.bench.rows import Row
from loadtests.bench.setup import Setup


@dataclass(frozen=True)
class Measured:
    """Bars of all rows, seconds each run took, and what failed in a way it should not."""

    bars: list[Bar]
    seconds: dict[str, float]
    failures: list[str]


@dataclass(frozen=True)
class _Task:
    row: Row
    backend: str

    @property
    def label(self) -> str:
        return f"{self.row.name} {self.backend}"


def run_rows(
    rows: Sequence[Row], backends: Sequence[str], setup: Setup, report: Report
) -> Measured:
    """Measure rows; `backends` are the installed ones to use, at least one.

    A row that fails does not stop the others; its bar is "not-run" and it is in `failures`.
    """
    found = Measured([], {}, [])
    tasks = [task for row in rows for task in _tasks(row, backends)]
    for number, task in enumerate(tasks):

        def within(what: str, share: float, number: int = number, task: _Task = task) -> None:
            report(f"{task.label}: {what}", (number + share) / len(tasks))

        within("starting", 0.0)
        begun_s = time.perf_counter()
        bars, failure = _run_apart(task, replace(setup, backend=task.backend), within)
        found.seconds[task.label] = round(time.perf_counter() - begun_s, 1)
        found.bars.extend(bars)
        if failure is not None:
            found.failures.append(failure)
    for row in rows:
        found.bars.extend(_not_installed(row, backends))
    return found


def _tasks(row: Row, backends: Sequence[str]) -> list[_Task]:
    first = next((name for name in row.backends if name in backends), None)
    return [_Task(row, name) for name in ([first] if first is not None else backends)]


def _not_installed(row: Row, backends: Sequence[str]) -> list[Bar]:
    """Return a bar for every backend that a row would also run on, were it installed."""
    missing = set(backend_names()) - set(backends) - set(installed_backends())
    if row.backends:
        return []
    return [_unmeasured(row, name, "its library is not installed") for name in sorted(missing)]


def _unmeasured(row: Row, backend: str, why: str) -> Bar:
    return Bar(f"engine.{row.name}.{backend}", None, row.limit, row.at_least, why)


def _run_apart(task: _Task, setup: Setup, report: Report) -> tuple[list[Bar], str | None]:
    """Run one row in a fresh process; return its bars, and what went wrong."""
    words = [sys.executable, "-m", "loadtests.bench.child", task.row.name, setup.to_json()]
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment()
        )
        try:
            assert child.stdout is not None
            bars, problem = _listen(child.stdout, report)
            child.wait()
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)  # so that it stops its own children
                child.wait()
        if bars is not None and child.returncode == 0:
            return bars, None
        if problem is None:
            errors.seek(0)
            lines = errors.read().strip().splitlines() or ["no reason given"]
            problem = f"ended with {child.returncode}: {lines[-1]}"
    return [_unmeasured(task.row, task.backend, problem)], f"{task.label}: {problem}"


def _listen(lines: IO[str], report: Report) -> tuple[list[Bar] | None, str | None]:
    bars, problem = None, None
    for line in lines:
        found = json.loads(line)
        if "at" in found:
            report(found["at"], found["share"])
        bars = [Bar(**bar) for bar in found["bars"]] if "bars" in found else bars
        problem = found.get("problem", problem)
    return bars, problem
