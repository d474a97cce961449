"""The loss of a part of a step: every task's batch through the model, as one module for DDP."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from artifact.task import TaskName
from models.series import OtmvModel
from tuning.device import mixed_precision
from tuning.recipes.errors import RecipeError
from tuning.tasks import TUNED_TASKS
from tuning.tasks.on_sets import Asking, SetBatch, TunedOnSets


@dataclass(frozen=True)
class TaskPart:
    """One task's part of what is computed together.

    Attributes:
        batch: requests, on the device.
        executed: orders whose gates are open.
        share: what the sum of losses is multiplied with.
    """

    batch: SetBatch
    executed: Sequence[int]
    share: float


def on_sets(task: TaskName) -> TunedOnSets:
    """Return how a task is tuned on data sets.

    Raises:
        RecipeError: it is not.
    """
    found = TUNED_TASKS[task].on_sets if task in TUNED_TASKS else None
    if found is None:
        there = ", ".join(name for name, each in TUNED_TASKS.items() if each.on_sets)
        raise RecipeError(f"tasks.{task} cannot be tuned on data sets yet", f"take {there}")
    return found


class StepLoss(nn.Module):
    """The weighted loss of several tasks.

    Args:
        model: what is tuned.
        asking: what each task's batches are made of.
        precision: bf16 or fp32.
    """

    def __init__(self, model: OtmvModel, asking: Mapping[TaskName, Asking], precision: str) -> None:
        super().__init__()
        self.model, self._asking, self._precision = model, dict(asking), precision

    def forward(self, parts: Mapping[TaskName, TaskPart]) -> tuple[Tensor, Tensor]:
        """Compute the loss.

        Args:
            parts: by task.

        Returns:
            The sum of losses, each with its share, and fp32 `[tasks, 2]` without gradients: the sum
            of the task's losses, and how many were right (0 where it writes).
        """
        total, facts = None, []
        for task, part in parts.items():
            with self._computing(part.batch.pixels.device):
                loss, right = on_sets(task).loss(
                    self.model, self._asking[task], part.batch, part.executed
                )
            shared = loss * part.share
            total = shared if total is None else total + shared
            nothing = torch.zeros_like(loss)
            facts.append(torch.stack([loss.detach(), nothing if right is None else right]))
        assert total is not None, "a recipe has a task"
        return total, torch.stack(facts).detach()

    def _computing(self, device: torch.device) -> contextlib.AbstractContextManager[object]:
        if self._precision == "bf16":
            return mixed_precision(device)
        return contextlib.nullcontext()
