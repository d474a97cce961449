"""Takes the runs of a plan one after the other, or several at once; each is kept when it ends."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtests.kit.errors import BenchError
from loadtests.kit.journal import Journal
from loadtests.kit.origin import ROOT, commit_here
from loadtests.kit.processes.apart import run_apart
from loadtests.kit.processes.child import run_child
from loadtests.kit.progress import Report
from loadtests.tuning.ablate.run import AblationRun, Preparation, in_order

CODE = ("artifact", "models", "pictures", "tuning")
"""The code that decides what a run finds."""

Take = Callable[[str, str, Report, Callable[["subprocess.Popen[str]"], None]], dict[str, Any]]
"""Runs a module with settings, and returns what it found."""


def take_apart(
    module: str,
    words: str,
    report: Report,
    on_start: Callable[[subprocess.Popen[str]], None],
) -> dict[str, Any]:
    """Run a module in a process of its own.

    Raises:
        BenchError: it failed; with what it said.
    """
    found, problem = run_apart(module, [words], report, on_start)
    if problem is not None:
        raise BenchError(problem)
    return found


@dataclass
class Runner:
    """What runs a plan.

    Attributes:
        folder: of checkpoints and prepared data.
        kept: what ended.
        at_once: runs beside each other, each on one core.
        take: runs one.
    """

    folder: Path
    kept: Journal
    at_once: int = 1
    take: Take = take_apart
    _processes: set[subprocess.Popen[str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, runs: Sequence[AblationRun], report: Report) -> dict[str, dict[str, Any]]:
        """Take every run that is not kept yet; return what all of them found, by their keys.

        Raises:
            BenchError: a run failed; the others that were going are stopped, and go on next time.
            OSError: the disk refuses.
        """
        every = in_order(runs)
        self._prepare(every, report)
        waiting = [run for run in every if run.key not in self.kept]
        told = _Told(report, len(every), len(every) - len(waiting))
        going: dict[Future[dict[str, Any]], AblationRun] = {}
        with ThreadPoolExecutor(self.at_once) as pool:
            try:
                while waiting or going:
                    for run in self._next(waiting, list(going.values())):
                        waiting.remove(run)
                        going[pool.submit(self._take, run, told)] = run
                    ended, _ = wait(going, return_when=FIRST_COMPLETED)
                    for each in ended:
                        self._keep(going.pop(each), each.result())
                        told.ended()
            finally:
                self._stop(going)
        return {run.key: self.kept[run.key]["found"] for run in every}

    def _next(
        self, waiting: Sequence[AblationRun], going: Sequence[AblationRun]
    ) -> list[AblationRun]:
        """Return the runs that may begin now, beside those that go on."""
        chosen: list[AblationRun] = []
        for run in waiting:
            beside = [*going, *chosen]
            if len(beside) >= self.at_once or any(each.alone for each in beside):
                break
            ready = all(each.key in self.kept for each in run.before)
            if ready and not (run.alone and beside):
                chosen.append(run)
        return chosen

    def _take(self, run: AblationRun, told: _Told) -> dict[str, Any]:
        try:
            found = {each.key: self.kept[each.key]["found"] for each in run.before}
            words = run.words(self.folder, found)
            return self.take(run.module, words, told.of(run), self._started)
        except BenchError as error:
            raise BenchError(f"{run.name}: {error}") from error
        finally:
            told.over(run)

    def _started(self, process: subprocess.Popen[str]) -> None:
        with self._lock:
            self._processes.add(process)

    def _stop(self, going: Mapping[Future[dict[str, Any]], AblationRun]) -> None:
        """End what still runs."""
        for future in going:
            future.cancel()
        with self._lock:
            for process in self._processes:
                if process.poll() is None:
                    process.terminate()

    def _keep(self, run: AblationRun, found: Mapping[str, Any]) -> None:
        kept = {"arm": run.arm, "data": run.data, "seed": run.seed, "commit": commit_here()}
        self.kept.add(run.key, {**kept, "found": dict(found)})

    def _prepare(self, runs: Sequence[AblationRun], report: Report) -> None:
        """Make the folders that runs read, those that are not there."""
        needed = {each.name: each for run in runs if run.key not in self.kept for each in run.needs}
        self.folder.mkdir(parents=True, exist_ok=True)
        for each in needed.values():
            if not (self.folder / each.name).is_dir():
                report(f"preparing {each.name}", 0.0)
                _make(each, self.folder)


def _make(preparation: Preparation, folder: Path) -> None:
    """Run its command; paths of this repository are found from any folder."""

    def placed(word: str) -> str:
        if word.startswith("@"):
            return str(folder / word[1:])
        return str(ROOT / word) if "/" in word else word

    words = [placed(word) for word in preparation.command]
    run_child("cli.main", words, f"preparing {preparation.name}")


class _Told:
    """How far the whole plan is, as one line."""

    def __init__(self, report: Report, total: int, done: int) -> None:
        self._report, self._total, self._done = report, total, done
        self._shares: dict[str, float] = {}
        self._lock = threading.Lock()

    def of(self, run: AblationRun) -> Report:
        """Return what is told of one run."""

        def told(what: str, share: float) -> None:
            with self._lock:
                self._shares[run.key] = share
                done = (self._done + sum(self._shares.values())) / self._total
                number = f"{self._done + 1} of {self._total}"
                self._report(f"run {number}: {run.name}, {what}", min(1.0, done))

        return told

    def over(self, run: AblationRun) -> None:
        """Forget the share of a run that is over."""
        with self._lock:
            self._shares.pop(run.key, None)

    def ended(self) -> None:
        """Count a run that is kept."""
        with self._lock:
            self._done += 1


def commits_of(kept: Journal, runs: Sequence[AblationRun]) -> list[str]:
    """Return the commits that the runs were taken at, each once, in order."""
    entries = (kept.get(run.key) for run in in_order(runs))
    return list(dict.fromkeys(entry["commit"] for entry in entries if entry is not None))
