"""One task of the table in a process of its own: `python -m loadtests.table4.child JOB`.

So all its methods are loaded once and their memory is free again before the next task. What it says
is described in `loadtests.kit.processes.apart`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from artifact.errors import ArtifactError
from artifact.store import open_artifact
from artifact.task import TaskName
from engine.backends.registry import open_backend
from engine.errors import EngineError
from loadtests.kit.asking.tasks.asked import PassWork
from loadtests.kit.errors import BenchError
from loadtests.kit.processes.message import Message
from loadtests.kit.progress import Report
from loadtests.kit.rounds import take_rounds
from loadtests.table4.galleries import check_gallery, flops
from loadtests.table4.passes import Passes, draw_inputs
from loadtests.table4.rows import MethodSpeed

_WARM = 2
_LOADING = 0.4
"""Share of the time that loading takes, about."""


@dataclass(frozen=True)
class TaskJob(Message):
    """One task: its gallery, the methods (`full` among them), and how they are measured."""

    gallery: str
    task: TaskName
    work: PassWork
    methods: Sequence[str]
    backend: str
    rounds: int
    seed: int


def measure(job: TaskJob, report: Report) -> tuple[list[MethodSpeed], str]:
    """Return a row per method, and the library they ran on.

    Raises:
        BenchError, ArtifactError, EngineError: the gallery cannot be measured.
    """
    gallery = open_artifact(Path(job.gallery), verify=False)
    check_gallery(gallery, job.task, job.methods)
    backend = open_backend(job.backend)
    inputs = draw_inputs(gallery.manifest, job.task, job.work, job.seed)
    passes, sides = Passes(gallery, backend, job.task, inputs), {}
    for number, method in enumerate(job.methods):
        report(f"loading {method}", _LOADING * number / len(job.methods))
        sides[method] = passes.side(method)
        for _ in range(_WARM):
            sides[method]()

    def within(what: str, share: float) -> None:
        report(what, _LOADING + (1 - _LOADING) * share)

    times_s = take_rounds(sides, job.rounds, within)
    rows = [
        MethodSpeed(
            job.task, method, flops(gallery.manifest, job.task, method, job.work), times_s[method]
        )
        for method in job.methods
    ]
    return rows, backend.library


def run(job: TaskJob, send: Callable[[dict[str, Any]], None]) -> None:
    """Measure, and send what comes of it."""
    try:
        rows, library = measure(job, lambda what, share: send({"at": what, "share": share}))
    except (BenchError, ArtifactError, EngineError) as error:
        send({"problem": str(error)})
    else:
        send({"rows": [asdict(row) for row in rows], "library": library})


if __name__ == "__main__":
    run(TaskJob.from_json(sys.argv[1]), lambda line: print(json.dumps(line), flush=True))
