"""`otmv tune` on data sets."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cli.commands.tune.options import TuneOptions
from cli.commands.tune.showing import shown_steps
from cli.console import counted_progress, fail, note
from tuning.recipes.sets import SetsFile

if TYPE_CHECKING:
    from artifact.task import TaskName
    from tuning.finetuning.adapting import Adapting
    from tuning.finetuning.loop import FineTuning
    from tuning.finetuning.processes import Processes
    from tuning.finetuning.task_data import TaskData

_SHOWN = 3
"""Problems of the data in the terminal."""


def tune_on_sets(file: SetsFile, options: TuneOptions) -> None:
    """Read the data, make the model, tune it; of several processes the first one speaks.

    Raises:
        RecipeError: the recipe contradicts its model, its data or the processes.
        DataError: the data cannot be read.
        ResumeError: the folder holds another run.
        OSError: something cannot be written.
    """
    from tuning.finetuning.processes import joined

    if options.pictures is not None:
        fail("--pictures is for recipes on the generated world: take it out")
    file = _changed(file, options)
    if options.dry_run:
        from cli.commands.tune.rehearsing import say_rehearsal
        from tuning.device import choose_device
        from tuning.finetuning.rehearsal import rehearse

        try:
            device = choose_device(options.device)
        except ValueError as error:
            fail(str(error))
        say_rehearsal(file.name, rehearse(file, device))
        return
    try:
        with joined(options.device) as processes:
            _run(file, options.out or Path("runs") / file.name, processes)
    except ValueError as error:
        fail(str(error))


def _changed(file: SetsFile, options: TuneOptions) -> SetsFile:
    run = file.run
    if options.steps is not None:
        run = run.model_copy(update={"steps": options.steps, "epochs": None})
    if options.seed is not None:
        run = run.model_copy(update={"seed": options.seed})
    return file.model_copy(update={"run": run})


def _run(file: SetsFile, out: Path, processes: Processes) -> None:
    from tuning.finetuning.loop import FineTuning, Watcher
    from tuning.finetuning.plan import check_tasks
    from tuning.finetuning.task_data import read_task_data

    started_s = time.monotonic()
    check_tasks(file, processes.count)
    data = {task: read_task_data(task, said) for task, said in file.tasks.items()}
    about = _adapting(file)
    tuning = FineTuning.of(file, processes, data)
    if not processes.first:
        tuning.run(out)
        return
    _say_data(tuning, data)
    with counted_progress(stays=True) as bars:
        shown = shown_steps(bars, tuning.steps, started_s)
        tuning.run(out, Watcher(shown, _said_scores(tuning), note))
    _say_problems(data)
    if about is not None:
        out = _write_adapter(tuning, about, out)
    note(f"tuned: {out}  ({(time.monotonic() - started_s) / 60:.0f} minutes)")


def _adapting(file: SetsFile) -> Adapting | None:
    """Return what an adapter is tuned on; None: the recipe tunes the model."""
    from tuning.recipes.parts import Adapt

    if not isinstance(file.method, Adapt) or file.model.checkpoint is None:
        return None
    from tuning.finetuning.adapting import adapting

    return adapting(file.method, file.model.checkpoint)


def _write_adapter(tuning: FineTuning, about: Adapting, out: Path) -> Path:
    """Write the adapter, say what each variant reaches with it, and return its folder."""
    from tuning.finetuning.adapting import FOLDER, write_tuned

    made = write_tuned(tuning, about, out)
    for each in made.record.variants:
        shown = (f"{task} {of['fp32']:.4f}" for task, of in each.quality.items())
        note(f"{each.variant}: {', '.join(shown)}")
    note(f"{made.record.tuned_parameters:,} parameters tuned, {made.size_bytes / 1e6:.3f} MB")
    return out / FOLDER


def _say_data(tuning: FineTuning, data: Mapping[TaskName, TaskData]) -> None:
    for task, each in data.items():
        chooses = each.chooses.name if each.chooses else "nothing"
        note(f"{task}: {len(each.tuned.examples):,} examples of {each.tuned.name}")
        note(f"{task}: looks at {chooses}")
    if tuning.processes.count > 1:
        note(f"{tuning.processes.count} processes")


def _said_scores(tuning: FineTuning) -> Callable[[int, Mapping[str, float]], None]:
    def on_scores(step: int, scores: Mapping[str, float]) -> None:
        for name, score in scores.items():
            note(f"step {step}/{tuning.steps}  {name}: {score:.4f}")

    return on_scores


def _say_problems(data: Mapping[TaskName, TaskData]) -> None:
    from tuning.data.problems import ProblemKind

    for task, each in data.items():
        for kind in ProblemKind:
            if count := each.problems.counts[kind]:
                note(f"{task}: {kind}, skipped: {count:,} (otmv data check {each.said.data})")
                for problem in each.problems.first(kind)[:_SHOWN]:
                    note(f"  {problem}")
