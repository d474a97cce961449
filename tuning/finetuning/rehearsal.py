"""What a run will take, measured on a few steps with random data of the right shapes."""

from __future__ import annotations

import itertools
import resource
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from artifact.task import TASKS, TaskName
from tuning import loop
from tuning.data.example import DataExample
from tuning.data.problems import DataError, Problems
from tuning.data.sets import DataSet
from tuning.data.table import ExampleTable
from tuning.finetuning.loop import FineTuning
from tuning.finetuning.losses import on_sets
from tuning.finetuning.plan import check_tasks, schedule_of
from tuning.finetuning.processes import Processes
from tuning.finetuning.start import start_at_random
from tuning.finetuning.task_data import TaskData, read_task_data
from tuning.pool import CAPTION_TOKENS, QUESTION_TOKENS, PicturePool
from tuning.recipe import Recipe
from tuning.recipes.sets import SetsFile
from tuning.tasks.on_sets import SetBatch
from tuning.tokens import PAD_ID
from tuning.world.questions import KINDS
from tuning.world.vocabulary import ANSWERS

_TIMED = 2
"""Steps that are timed, behind one that is not."""

_LONGEST_S = 20.0
"""A step that would take longer is not computed: two small parts of it are."""

_MB = 10**6


@dataclass(frozen=True)
class Rehearsal:
    """What was found.

    Attributes:
        steps: of the whole run; None: its data is not there, whose size decides.
        step_s: seconds of a step, data apart: the shortest step that was timed.
        memory_mb: the largest amount that was held: of the GPU, or of this process.
        parameters: of the model.
        device: where it was computed.
        measured: what was computed, in words.
        lacking: what of the recipe is not there, in words.
    """

    steps: int | None
    step_s: float
    memory_mb: float
    parameters: int
    device: str
    measured: str
    lacking: tuple[str, ...] = ()


def rehearse_world(recipe: Recipe, device: torch.device) -> Rehearsal:
    """Take a few steps of a recipe on the generated world, with random pictures and words."""
    ends = [time.perf_counter()]
    with tempfile.TemporaryDirectory() as folder:
        model = loop.tune(
            recipe.shortened(_TIMED + 1),
            _random_pool(recipe),
            Path(folder),
            device,
            lambda progress: ends.append(time.perf_counter()),
        )
    step_s = min(after - before for before, after in itertools.pairwise(ends[1:]))
    parameters = sum(weight.numel() for weight in model.parameters())
    measured = f"{_TIMED} steps"
    return Rehearsal(recipe.steps, step_s, _held_mb(device), parameters, device.type, measured)


def _random_pool(recipe: Recipe) -> PicturePool:
    rng = np.random.default_rng(recipe.seed)
    pictures, side = max(64, *recipe.batch_sizes.values()), recipe.config.image_size

    def ids(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return rng.integers(PAD_ID + 1, recipe.config.vocab_size, shape)

    kinds = len(KINDS)
    return PicturePool(
        rng.integers(0, 256, (pictures, side, side, 3), np.uint8),
        ids(pictures, recipe.questions, QUESTION_TOKENS),
        rng.integers(0, len(ANSWERS), (pictures, recipe.questions)),
        np.arange(pictures * recipe.questions).reshape(pictures, -1) % kinds,
        ids(pictures, CAPTION_TOKENS),
        ids(pictures - 1, 2, QUESTION_TOKENS),
        rng.integers(0, 2, (pictures - 1, 2)),
    )


def rehearse(file: SetsFile, device: torch.device) -> Rehearsal:
    """Take a few steps of a recipe with random weights and data; files that lack are named.

    Where a step is long, two small parts of it are computed, and a line is drawn through them.

    Raises:
        RecipeError: the recipe contradicts itself or its checkpoint.
    """
    check_tasks(file, 1)
    data, lacking = {}, []
    for task, said in file.tasks.items():
        try:
            data[task] = read_task_data(task, said)
        except DataError as error:
            lacking.append(error.problem)
            data[task] = stand_in(file, task)
    checkpoint, method, missing = start_at_random(file, data)
    run = file.run.model_copy(update={"accumulation": 1})
    plain = file.model_copy(update={"run": run})
    tuning = FineTuning(plain, data, checkpoint, method, Processes(device))
    steps = None
    if file.run.steps or not lacking:
        counts = {task: len(each.tuned.examples) for task, each in data.items()}
        steps = schedule_of(file, counts, method.search).whole
    step_s, memory_mb, measured = _measured(tuning, file, device)
    parameters = sum(weight.numel() for weight in tuning.model.parameters())
    return Rehearsal(
        steps,
        step_s,
        memory_mb,
        parameters,
        device.type,
        measured,
        (*lacking, *missing),
    )


def _measured(tuning: FineTuning, file: SetsFile, device: torch.device) -> tuple[float, float, str]:
    """Return seconds and MB of a step, and what was computed."""
    parts = file.run.accumulation
    sizes = {task: said.batch // parts for task, said in file.tasks.items()}
    small = {task: max(1, size // min(sizes.values())) for task, size in sizes.items()}
    _step_s(tuning, small)
    small_s, small_mb = _step_s(tuning, small), _held_mb(device)
    scale = max(sizes[task] / small[task] for task in sizes)
    if small_s * scale * parts * (_TIMED + 1) < _LONGEST_S:
        whole_s = min(_step_s(tuning, sizes) for _ in range(_TIMED))
        return whole_s * parts, _held_mb(device), f"{_TIMED} steps"
    double = {task: 2 * size for task, size in small.items()}
    double_s, double_mb = _step_s(tuning, double), _held_mb(device)
    whole_s = small_s + max(0.0, double_s - small_s) * (scale - 1)
    whole_mb = small_mb + max(0.0, double_mb - small_mb) * (scale - 1)
    counts = f"{sum(small.values())} and {sum(double.values())} requests"
    return whole_s * parts, whole_mb, f"parts of a step, {counts}, and a line through them"


def _step_s(tuning: FineTuning, sizes: Mapping[TaskName, int]) -> float:
    """Return the seconds of one step with batches of these sizes."""
    batches = {task: random_batch(tuning, task, size) for task, size in sizes.items()}
    started_s = time.perf_counter()
    tuning.gradients(0, batches)
    tuning.update(0)
    if tuning.processes.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started_s


def random_batch(tuning: FineTuning, task: TaskName, size: int) -> SetBatch:
    """Return requests with the longest texts that the recipe lets through."""
    asking, pictures = tuning.asking[task], TASKS[task].pictures
    side = tuning.model.config.image_size_of(task)
    pixels = torch.randint(256, (size, pictures, side, side, 3), dtype=torch.uint8)
    right = "a " * asking.words.longest if TASKS[task].writes else asking.labels[-1]
    tokens = (asking.words.eos,) * asking.words.longest
    examples = [DataExample(str(at), (), None, (right,), (), tokens) for at in range(size)]
    shown = pixels.squeeze(1) if pictures == 1 else pixels
    return SetBatch(shown, *on_sets(task).labelled(asking, examples))


def stand_in(file: SetsFile, task: TaskName) -> TaskData:
    """Return data as large as a batch, in place of data that is not there."""
    said = file.tasks[task]
    right = "true" if TASKS[task].labels else "a"
    examples = (DataExample(str(at), (), "a", (right,)) for at in range(said.batch))
    data = DataSet("none", Path(said.data), task, "none", ExampleTable(examples), 0)
    return TaskData(said, data, None, Problems())


def _held_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / _MB
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MB
