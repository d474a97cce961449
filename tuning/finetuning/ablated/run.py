"""One run of `otmv ablate`: tunes as a recipe says, then asks the reporting data at every depth.

    python -m tuning.finetuning.ablated.run SETTINGS

says JSON on standard output: {"at": …, "share": …} on the way, in the end what was found, or
{"problem": …}. `SETTINGS` is JSON: the fields of `AskedRun`.
"""

from __future__ import annotations

import dataclasses
import json
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from artifact.atomic import write_atomically
from artifact.errors import ArtifactError
from artifact.pattern import SkipPattern
from artifact.task import TaskName
from tuning.data.problems import DataError
from tuning.data.sets import check_apart, load, open_folder
from tuning.finetuning.ablated.clock import StepClock
from tuning.finetuning.ablated.serving import serving_ratio
from tuning.finetuning.ablated.steps import HERE, step_cpu_s
from tuning.finetuning.adapting import adapting, write_tuned
from tuning.finetuning.choosing import quality_of
from tuning.finetuning.loop import FineTuning, Watcher
from tuning.finetuning.task_data import TaskData, read_task_data
from tuning.recipes.errors import RecipeError
from tuning.recipes.parts import Adapt
from tuning.recipes.sets import SetsFile
from tuning.state import ResumeError

_LENGTH = "length.json"
_KB, _MB = 1024, 10**6
_DECIMALS = 6

Reported = Mapping[TaskName, TaskData]


class AskedRun(BaseModel):
    """What is run.

    Attributes:
        folder: of the run: it goes on where that was left.
        recipe: on data sets, as its file says it.
        reports: of each task the `data` and `split` that quality is reported on.
        examples: of it at most, the first ones.
        depths: how many orders, from the first on, are measured; None: every number of them.
        cpu_s: tune as long as takes this much processor time, in place of `run.steps`.
        threads: of the computation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path
    recipe: SetsFile
    reports: dict[str, dict[str, str]]
    examples: int
    depths: tuple[int, ...] | None = None
    cpu_s: float | None = None
    threads: int = 1


def say(**document: Any) -> None:
    """Write one document for the process that listens."""
    print(json.dumps(document), flush=True)


def run(asked: AskedRun) -> dict[str, Any]:
    """Tune, or go on where the folder was left; return what was reached and what it took.

    Raises:
        RecipeError, DataError, ResumeError, ArtifactError, OSError: it cannot be run.
    """
    torch.set_num_threads(asked.threads)
    file = asked.recipe
    data = {task: read_task_data(task, said) for task, said in file.tasks.items()}
    reported = {task: _reported(task, data[task], where) for task, where in asked.reports.items()}
    if asked.cpu_s is not None:
        file = _as_long_as(asked.cpu_s, file, data, asked.folder)
    adapted = file.method if isinstance(file.method, Adapt) else None
    about = adapting(adapted, str(file.model.checkpoint)) if adapted is not None else None
    tuning = FineTuning.of(file, HERE, data)
    clock = StepClock(asked.folder, tuning.steps, file.run.checkpoint_every, _progress)
    tuning.run(asked.folder, Watcher(clock.on_step))
    found = {
        "steps": tuning.steps,
        "step_cpu_s": clock.step_cpu_s,
        "cpu_s": clock.step_cpu_s * tuning.steps,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KB / _MB,
        **_parameters(tuning),
        **_quality(tuning, reported, asked),
    }
    if about is not None:
        adapter = write_tuned(tuning, about, asked.folder)
        found["tuned_parameters"] = adapter.record.tuned_parameters
        found["adapter_bytes"] = adapter.size_bytes
        found["serving"] = serving_ratio(tuning, next(iter(reported)))
    return found


def _progress(what: str, share: float) -> None:
    say(at=what, share=share)


def _reported(task: TaskName, data: TaskData, where: Mapping[str, str]) -> TaskData:
    """Return the data with what reports in place of what chooses.

    Raises:
        DataError: it cannot be read, or shares pictures with what is tuned on.
    """
    reporting = load(open_folder(where["data"]), task, where["split"], data.problems)
    check_apart(data.tuned, reporting)
    return dataclasses.replace(data, chooses=reporting)


def _as_long_as(
    cpu_s: float, file: SetsFile, data: Mapping[TaskName, TaskData], folder: Path
) -> SetsFile:
    """Return the recipe with as many steps as fit into a processor time; a run keeps its number."""
    kept = folder / _LENGTH
    if kept.is_file():
        steps = int(json.loads(kept.read_text("utf-8"))["steps"])
    else:
        steps = max(1, round(cpu_s / step_cpu_s(file, data)))
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, json.dumps({"steps": steps}))
    warmup = min(file.optimiser.warmup_steps or 0, steps // 10)
    return file.model_copy(
        update={
            "run": file.run.model_copy(update={"steps": steps, "epochs": None}),
            "optimiser": file.optimiser.model_copy(update={"warmup_steps": warmup}),
        }
    )


def _parameters(tuning: FineTuning) -> dict[str, int]:
    frozen = {id(weight) for weight in tuning.method.frozen(tuning.model)}
    weights = list(tuning.model.parameters())
    tuned = sum(weight.numel() for weight in weights if id(weight) not in frozen)
    return {"parameters": sum(map(torch.numel, weights)), "tuned_parameters": tuned}


def _quality(tuning: FineTuning, reported: Reported, asked: AskedRun) -> dict[str, Any]:
    """Return, by task, the quality of each depth, 0 to 1, and how many examples were asked."""
    full = SkipPattern.full(tuning.model.config.orders)
    depths = asked.depths or range(1, full.orders + 1)
    patterns = [full.prefix(depth) for depth in depths]
    quality, examples = {}, {}
    for task, data in reported.items():
        _progress(f"measuring {task}", 1.0)
        found = quality_of(tuning.model, tuning.asking[task], data, asked.examples, patterns)
        pairs = zip(depths, found, strict=True)
        quality[task] = {str(depth): round(share, _DECIMALS) for depth, share in pairs}
        examples[task] = min(asked.examples, len(data.chooses.examples) if data.chooses else 0)
    return {"quality": quality, "examples": examples}


def main(text: str) -> None:
    """Run what `text` asks for, and say what was found or went wrong."""
    try:
        found = run(AskedRun.model_validate_json(text))
    except (RecipeError, DataError, ResumeError, ArtifactError, ValidationError, OSError) as error:
        say(problem=" ".join(str(error).split()))
        raise SystemExit(1) from error
    say(**found)


if __name__ == "__main__":
    main(sys.argv[1])
