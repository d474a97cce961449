"""A search before a tuning: trials on the data that chooses, and the new start when it ends."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

import torch
from torch import Tensor, nn

from artifact.task import TaskName
from models.checkpoint import Checkpoint
from tuning.data.loading.loader import BatchLoader, LoadedAs
from tuning.data.loading.order import BatchOrder
from tuning.data.sets import DataSet
from tuning.finetuning.losses import StepLoss, TaskPart
from tuning.finetuning.plan import labelled, seed_of
from tuning.finetuning.task_data import TaskData, with_answers
from tuning.methods.contract import Search
from tuning.recipes.sets import SetsRun
from tuning.tasks.on_sets import Asking, SetBatch

_TRIALS = 1000
"""Sets the seeds of trial batches apart from those of tuning."""

FOUND = "search"
"""In a checkpoint's note: what the search found."""


class Searching:
    """Runs a search inside the loop of a tuning.

    Args:
        search: what learns.
        checkpoint: whose model is tuned.
        optimiser: of the run; it begins anew after the search.
        data: of each task, with data that chooses.
        asking: of each task.
        run: its seed, and the precision of trials.
    """

    def __init__(
        self,
        search: Search,
        checkpoint: Checkpoint,
        optimiser: torch.optim.Optimizer,
        data: Mapping[TaskName, TaskData],
        asking: Mapping[TaskName, Asking],
        run: SetsRun,
    ) -> None:
        self.search, self._checkpoint, self._optimiser = search, checkpoint, optimiser
        self._data, self._asking, self._seed = data, asking, run.seed
        self._loss = StepLoss(checkpoint.model, asking, run.precision)
        self._begin = {
            name: weight.detach().clone() for name, weight in self._tuned() if weight.requires_grad
        }

    def _tuned(self) -> list[tuple[str, nn.Parameter]]:
        return list(self._checkpoint.model.named_parameters())

    def after(self, step: int) -> str | None:
        """Learn after a step if it is time to; at the end of the search, begin anew.

        Returns:
            What was found, when the search ends.
        """
        number = self.search.due(step)
        if number is not None:
            self.search.learn(random.Random(f"{self._seed}/{step}/trials"), self._losses(number))
        if step + 1 != self.search.steps:
            return None
        with torch.no_grad():
            for name, weight in self._tuned():
                if name in self._begin:
                    weight.copy_(self._begin[name])
        self._optimiser.state.clear()
        return self.settle(step + 1)

    def settle(self, step: int) -> str | None:
        """Fix what is tuned if the search is over before a step; return what was found."""
        if step < self.search.steps:
            return None
        found = self.search.settle(self._checkpoint.model)
        self._checkpoint.note[FOUND] = found
        return found

    def _losses(self, number: int) -> Callable[[Sequence[int]], float]:
        """Return what gives the sum over tasks of mean losses, on batch `number` for trials."""
        device = next(self._checkpoint.model.parameters()).device
        batches = {
            task: self._batch(at, task, number).to(device) for at, task in enumerate(self._data)
        }

        @torch.inference_mode()
        def loss_of(executed: Sequence[int]) -> float:
            model = self._checkpoint.model
            model.eval()
            parts = {
                task: TaskPart(batch, executed, 1.0 / float(batch.counted.sum()))
                for task, batch in batches.items()
            }
            total: Tensor = self._loss(parts)[0]
            model.train()
            return float(total)

        return loss_of

    def _batch(self, at: int, task: TaskName, number: int) -> SetBatch:
        data = self._data[task]
        chooses: DataSet | None = data.chooses
        assert chooses is not None, "the recipe was checked"
        known = with_answers(chooses)
        size = min(data.said.batch, len(known.examples))
        order = BatchOrder(len(known.examples), size, seed_of(self._seed, _TRIALS + at))
        side_px = self._checkpoint.model.config.image_size_of(task)
        loader = BatchLoader(known, order, LoadedAs(side_px, None, 0), data.problems)
        with closing(loader.batches(number, number + 1)) as batches:
            return labelled(self._asking[task], next(batches))
