"""The loop over data sets: batches, gates, gradients of all processes, checkpoints, looks."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from artifact.task import TASKS, TaskName
from models.checkpoint import Checkpoint
from tuning.data.loading.loader import BatchLoader, LoadedAs
from tuning.data.loading.order import BatchOrder
from tuning.finetuning.choosing import scores_of
from tuning.finetuning.losses import StepLoss, TaskPart
from tuning.finetuning.optimiser import make_optimiser
from tuning.finetuning.plan import (
    asking_of,
    augmentation_of,
    check_tasks,
    fingerprint_of,
    labelled,
    note_of,
    schedule_of,
    seed_of,
)
from tuning.finetuning.processes import Processes
from tuning.finetuning.searching import Searching
from tuning.finetuning.start import start
from tuning.finetuning.task_data import TaskData, read_task_data
from tuning.loop import TaskProgress, TuningProgress
from tuning.methods.contract import TuningMethod
from tuning.recipes.sets import SetsFile
from tuning.state import read_resumable, write_resumable
from tuning.tasks.on_sets import SetBatch

Scores = Mapping[str, float]
_NO_DECIMALS = 6


@dataclass(frozen=True)
class Watcher:
    """What is told while a run goes on.

    Attributes:
        on_step: after every step.
        on_scores: after every look at the choosing data: the step's number from 1, and by task,
            measure and skip pattern how good the model is.
        on_found: at the end of a search: what it found.
    """

    on_step: Callable[[TuningProgress], None] = field(default=lambda progress: None)
    on_scores: Callable[[int, Scores], None] = field(default=lambda step, scores: None)
    on_found: Callable[[str], None] = field(default=lambda found: None)


class FineTuning:
    """One run on data sets.

    Args:
        file: the recipe.
        data: of each of its tasks.
        checkpoint: where it starts; its model is tuned.
        method: how.
        processes: this one, and how many there are.

    Attributes:
        fingerprint: two runs share it only if they are the same, on any machine.

    Raises:
        RecipeError: a batch cannot be divided among the processes.
    """

    def __init__(
        self,
        file: SetsFile,
        data: Mapping[TaskName, TaskData],
        checkpoint: Checkpoint,
        method: TuningMethod,
        processes: Processes,
    ) -> None:
        check_tasks(file, processes.count)
        self.file, self.data, self.checkpoint, self.method = file, data, checkpoint, method
        self.processes = processes
        self.model = checkpoint.model.to(processes.device)
        self.asking = {task: asking_of(task, each, checkpoint) for task, each in data.items()}
        counts = {task: len(each.tuned.examples) for task, each in data.items()}
        self.schedule = schedule_of(file, counts, method.search)
        self.fingerprint = fingerprint_of(file, data, checkpoint)
        self.optimiser = make_optimiser(self.model, file.optimiser, method.frozen(self.model))
        made = self.checkpoint, self.optimiser, data, self.asking, file.run
        self._searching = Searching(method.search, *made) if method.search else None
        loss = StepLoss(self.model, self.asking, file.run.precision)
        self._loss: nn.Module = loss
        if processes.count > 1:
            self._loss = DistributedDataParallel(loss, find_unused_parameters=True)

    @classmethod
    def of(
        cls, file: SetsFile, processes: Processes, data: Mapping[TaskName, TaskData] | None = None
    ) -> Self:
        """Return the run of a recipe, at its start; `data` None: what the recipe names is read.

        Raises:
            RecipeError: the recipe contradicts itself, its model or the number of processes.
            DataError: the data cannot be read, or is too small.
            ArtifactError: the checkpoint cannot be read.
        """
        if data is None:
            data = {task: read_task_data(task, said) for task, said in file.tasks.items()}
        return cls(file, data, *start(file, data), processes)

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run, and of a search before it."""
        return self.schedule.whole

    def run(self, out: Path, watcher: Watcher | None = None) -> Checkpoint:
        """Tune; go on where `out` was left, and leave a checkpoint there.

        Raises:
            ResumeError: `out` holds another run.
            DataError: nearly all pictures are bad.
            OSError: something cannot be written.
        """
        watcher, run = watcher or Watcher(), self.file.run
        searching = self._searching
        restore = searching.search.restore if searching else None
        first = read_resumable(out, self.fingerprint, self.model, self.optimiser, restore)
        if searching:
            searching.settle(first)
        self.processes.wait()
        self.model.train()
        with self._batches(first) as batches:
            for step in range(first, self.steps):
                progress = self.gradients(step, next(batches))
                self.update(step)
                watcher.on_step(progress)
                if searching and (found := searching.after(step)):
                    watcher.on_found(found)
                done, last = step + 1, step + 1 == self.steps
                saves = last or done % run.checkpoint_every == 0
                if saves if run.evaluate_every is None else last or done % run.evaluate_every == 0:
                    self._look(done, watcher)
                if saves:
                    self._save(out, done)
        self.model.eval()
        return self.checkpoint

    def gradients(self, step: int, batches: Mapping[TaskName, SetBatch]) -> TuningProgress:
        """Compute the gradients of one step, in parts if the recipe says so.

        Args:
            step: its number, from 0; gates and dropped branches follow from it and the seed.
            batches: this process's share of each task's batch.
        """
        seed, run = self.file.run.seed, self.file.run
        torch.manual_seed(seed_of(seed, step, self.processes.rank))
        gates = random.Random(f"{seed}/{step}")
        orders = self.model.config.orders
        executed = {task: self.method.executed(gates, step, orders) for task in batches}
        device = self.processes.device
        sums = torch.stack([each.counted.sum() for each in batches.values()]).to(device)
        counted = dict(zip(batches, self.processes.total(sums).tolist(), strict=True))
        cut = {task: each.parts(run.accumulation) for task, each in batches.items()}
        facts: Tensor | None = None
        for number in range(run.accumulation):
            parts = {
                task: TaskPart(
                    each[number].to(device),
                    executed[task],
                    self.file.tasks[task].weight * self.processes.count / counted[task],
                )
                for task, each in cut.items()
            }
            with self._together(last=number + 1 == run.accumulation):
                loss, found = self._loss(parts)
                loss.backward()
            facts = found if facts is None else facts + found
        assert facts is not None, "a step has at least one part"
        return self._progress(step, self.processes.total(facts), counted, executed)

    def update(self, step: int) -> None:
        """Take the optimiser's step with the gradients that are there."""
        for group in self.optimiser.param_groups:
            group["lr"] = group["rate"] * self.schedule.rate(step)
        if self.file.optimiser.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.file.optimiser.clip_norm)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

    def _together(self, *, last: bool) -> contextlib.AbstractContextManager[object]:
        """Let processes sum their gradients after the last part only."""
        if isinstance(self._loss, DistributedDataParallel) and not last:
            return self._loss.no_sync()
        return contextlib.nullcontext()

    def _progress(
        self,
        step: int,
        facts: Tensor,
        counted: Mapping[TaskName, float],
        executed: Mapping[TaskName, tuple[int, ...]],
    ) -> TuningProgress:
        parts = {}
        for (task, count), (loss, right) in zip(counted.items(), facts.tolist(), strict=True):
            share = None if TASKS[task].writes else right / count
            parts[task] = TaskProgress(loss / count, share, executed[task])
        return TuningProgress(step, parts)

    @contextlib.contextmanager
    def _batches(self, first: int) -> Generator[Generator[dict[TaskName, SetBatch]]]:
        """Give what yields each step's batches, and end its worker processes."""
        with contextlib.ExitStack() as ending:
            loaded = {}
            for number, (task, data) in enumerate(self.data.items()):
                made = self._loader(number, task, data).batches(first, self.steps)
                loaded[task] = ending.enter_context(contextlib.closing(made))
            asking = self.asking

            def each_step() -> Generator[dict[TaskName, SetBatch]]:
                for some in zip(*loaded.values(), strict=True):
                    yield {
                        task: labelled(asking[task], batch)
                        for task, batch in zip(loaded, some, strict=True)
                    }

            yield each_step()

    def _loader(self, number: int, task: TaskName, data: TaskData) -> BatchLoader:
        processes, run = self.processes, self.file.run
        order = BatchOrder(
            len(data.tuned.examples),
            data.said.batch,
            seed_of(run.seed, number),
            processes.rank,
            processes.count,
        )
        loaded_as = LoadedAs(
            self.model.config.image_size_of(task), augmentation_of(data.said), run.workers
        )
        return BatchLoader(data.tuned, order, loaded_as, data.problems)

    def _look(self, done: int, watcher: Watcher) -> None:
        """Measure the model on the choosing data; all but the first process wait."""
        if self.processes.first:
            scores = scores_of(self.model, self.asking, self.data, self.file.run.evaluate_examples)
            self.checkpoint.note.update({n: round(s, _NO_DECIMALS) for n, s in scores.items()})
            watcher.on_scores(done, scores)
            self.model.train()
        self.processes.wait()

    def _save(self, out: Path, done: int) -> None:
        if self.processes.first:
            self.checkpoint.note.update(note_of(self.file, self.data, done, self.steps))
            kept = self.checkpoint if self.method.leaves_checkpoint else None
            learnt = self._searching.search.state() if self._searching else ()
            state = self.fingerprint, self.optimiser, done, learnt
            write_resumable(out, self.model, kept, *state)
        self.processes.wait()
