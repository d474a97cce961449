"""What `otmv bench engine` does: every comparison in its own process, one after the other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.backends.registry import backend_names, installed_backends, suits_machine
from loadtests.engine.comparisons import Comparison
from loadtests.engine.setup import EngineBench
from loadtests.kit.bars import Bar
from loadtests.kit.processes.apart import run_apart
from loadtests.kit.progress import Report


@dataclass(frozen=True)
class EngineResults:
    """Bars of all comparisons, seconds each run took, and what failed in a way it should not."""

    bars: list[Bar]
    seconds: dict[str, float]
    failures: list[str]


@dataclass(frozen=True)
class _OneRun:
    comparison: Comparison
    backend: str

    @property
    def label(self) -> str:
        return f"{self.comparison.name} {self.backend}"


def run_all(
    comparisons: Sequence[Comparison], backends: Sequence[str], setup: EngineBench, report: Report
) -> EngineResults:
    """Measure comparisons; `backends` are the installed ones to use, at least one.

    A comparison that fails does not stop the others; its bar is "not-run" and it is in `failures`.
    """
    found = EngineResults([], {}, [])
    tasks = [task for comparison in comparisons for task in _tasks(comparison, backends)]
    for number, task in enumerate(tasks):

        def within(what: str, share: float, number: int = number, task: _OneRun = task) -> None:
            report(f"{task.label}: {what}", (number + share) / len(tasks))

        within("starting", 0.0)
        begun_s = time.perf_counter()
        bars, failure = _run_apart(task, replace(setup, backend=task.backend), within)
        found.seconds[task.label] = round(time.perf_counter() - begun_s, 1)
        found.bars.extend(bars)
        if failure is not None:
            found.failures.append(failure)
    for comparison in comparisons:
        found.bars.extend(_not_installed(comparison, backends))
    return found


def _tasks(comparison: Comparison, backends: Sequence[str]) -> list[_OneRun]:
    first = next((name for name in comparison.backends if name in backends), None)
    return [_OneRun(comparison, name) for name in ([first] if first is not None else backends)]


def _not_installed(comparison: Comparison, backends: Sequence[str]) -> list[Bar]:
    """Return a bar for every backend that a comparison would also run on, were it installed."""
    suited = {name for name in backend_names() if suits_machine(name)}
    missing = suited - set(backends) - set(installed_backends())
    if comparison.backends:
        return []
    return [comparison.not_run(name, "its library is not installed") for name in sorted(missing)]


def _run_apart(task: _OneRun, setup: EngineBench, report: Report) -> tuple[list[Bar], str | None]:
    """Run one comparison in a fresh process; return its bars, and what went wrong."""
    words = [task.comparison.name, setup.to_json()]
    found, problem = run_apart("loadtests.engine.child", words, report)
    if problem is None:
        return [Bar(**bar) for bar in found["bars"]], None
    return [task.comparison.not_run(task.backend, problem)], f"{task.label}: {problem}"
