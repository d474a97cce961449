"""The processor time of a recipe's steps, tried with random data."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping

import torch

from artifact.task import TaskName
from tuning.finetuning.loop import FineTuning
from tuning.finetuning.processes import Processes
from tuning.finetuning.rehearsal import random_batch
from tuning.finetuning.task_data import TaskData
from tuning.recipes.sets import SetsFile

HERE = Processes(torch.device("cpu"))
"""This machine's processor, in this process alone."""

_TIMED = 6
"""Steps that are timed, behind one that is not."""


def step_cpu_s(file: SetsFile, data: Mapping[TaskName, TaskData]) -> float:
    """Return the median processor seconds of a step, loading data apart.

    Raises:
        RecipeError: the recipe contradicts its model.
    """
    tuning = FineTuning.of(file, HERE, data)
    batches = {task: random_batch(tuning, task, said.batch) for task, said in file.tasks.items()}
    tuning.model.train()
    taken_s = []
    for step in range(_TIMED + 1):
        began_s = time.process_time()
        tuning.gradients(step, batches)
        tuning.update(0)
        taken_s.append(time.process_time() - began_s)
    return statistics.median(taken_s[1:])
