"""What `otmv bench table4` does: every task in its own process, one after the other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from artifact.task import TaskName
from loadtests.kit.processes.apart import run_apart
from loadtests.kit.progress import Report
from loadtests.table4.child import TaskJob
from loadtests.table4.presets import Preset
from loadtests.table4.rows import MethodSpeed


@dataclass(frozen=True)
class Table4Bench:
    """What is measured, and how.

    Galleries lie in `artifacts`. `backend` is a name of the engine's registry; `rounds` is how
    often every method is measured; `seed` draws the inputs.
    """

    preset: Preset
    tasks: Sequence[TaskName]
    methods: Sequence[str]
    artifacts: Path
    backend: str
    rounds: int
    seed: int


@dataclass
class Table4Results:
    """Rows of all tasks, why a task has none, the library, and the seconds each task took."""

    rows: list[MethodSpeed] = field(default_factory=list)
    failed: dict[TaskName, str] = field(default_factory=dict)
    library: str = ""
    seconds: dict[str, float] = field(default_factory=dict)


def run_all(setup: Table4Bench, report: Report) -> Table4Results:
    """Measure the tasks; galleries must be there. One that fails does not stop the others."""
    found, count = Table4Results(), len(setup.tasks)
    for number, task in enumerate(setup.tasks):

        def within(what: str, share: float, number: int = number, task: TaskName = task) -> None:
            report(f"{task}: {what}", (number + share) / count)

        within("starting", 0.0)
        begun_s = time.perf_counter()
        said, problem = run_apart("loadtests.table4.child", [_job(setup, task).to_json()], within)
        found.seconds[task] = round(time.perf_counter() - begun_s, 1)
        if problem is not None:
            found.failed[task] = problem
        else:
            found.rows += [MethodSpeed(**row) for row in said["rows"]]
            found.library = said["library"]
    return found


def _job(setup: Table4Bench, task: TaskName) -> TaskJob:
    gallery = setup.artifacts / setup.preset.gallery(task)
    return TaskJob(
        str(gallery.absolute()),
        task,
        setup.preset.work[task],
        setup.methods,
        setup.backend,
        setup.rounds,
        setup.seed,
    )
