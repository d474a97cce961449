"""The once-tuning loop: full fine-tuning, gates drawn at every step (supplement, 3.1-3.2)."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from artifact.task import TaskName
from models.once_tuning.gates import draw
from models.series import OtmvModel
from tuning.pool import PicturePool
from tuning.recipe import Recipe
from tuning.side_by_side import Mapped, side_by_side
from tuning.state import load_state, save_state
from tuning.tasks import tuned_task
from tuning.tasks.contract import TuningStep

Gradients = tuple[torch.Tensor | None, ...]


@dataclass(frozen=True)
class TaskProgress:
    """What one task's part of a step came to.

    Attributes:
        loss: in nats.
        right: share of the batch that was answered right; None where the task writes.
        executed: the orders whose gates were open.
    """

    loss: float
    right: float | None
    executed: tuple[int, ...]


@dataclass(frozen=True)
class TuningProgress:
    """What a step reports: its number from 0, and what each task's part came to."""

    step: int
    tasks: Mapping[TaskName, TaskProgress]


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then a half cosine that would reach zero at the phase's horizon."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, recipe.phase(step).horizon - recipe.warmup_steps)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def optimiser(model: OtmvModel, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW; decay on matrices only, never on norms, biases or coefficients.

    Every group carries `rate`, its share of the scheduled learning rate.
    """
    patches = model.stem.patches.weight
    rest = [p for p in model.parameters() if p is not patches]
    decay = recipe.weight_decay
    return torch.optim.AdamW(
        [
            {"params": [patches], "weight_decay": decay, "rate": recipe.patch_rate},
            {"params": [p for p in rest if p.ndim == 2], "weight_decay": decay, "rate": 1.0},
            {"params": [p for p in rest if p.ndim != 2], "weight_decay": 0.0, "rate": 1.0},
        ],
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
        fused=True,
    )


def tune(
    recipe: Recipe,
    pool: PicturePool,
    out: Path,
    device: torch.device,
    on_step: Callable[[TuningProgress], None] | None = None,
    checkpoint_every: int = 250,
) -> OtmvModel:
    """Tune one model for all its variants; resumes from `out` when a checkpoint is there.

    Args:
        recipe: what to tune and how.
        pool: rendered data.
        out: folder of checkpoints, written atomically every `checkpoint_every` steps.
        device: where to compute, in bf16 autocast.
        on_step: called after every step.
        checkpoint_every: steps between checkpoints.

    Returns:
        The tuned model, on `device`.

    Raises:
        ResumeError: `out` holds a run of another recipe.
        ValueError: tuning does not know a task of the model.
    """
    torch.manual_seed(recipe.seed)
    model = OtmvModel(recipe.config).to(device)
    optim = optimiser(model, recipe)
    first = load_state(out, recipe, model, optim)
    model.train()
    with side_by_side(device, len(recipe.config.tasks)) as each:
        for step in range(first, recipe.steps):
            progress = _step(recipe, pool, model, step, device, each)
            _update(recipe, model, optim, step)
            if on_step:
                on_step(progress)
            if (step + 1) % checkpoint_every == 0 or step + 1 == recipe.steps:
                save_state(out, recipe, model, optim, step + 1)
    return model.eval()


def _update(recipe: Recipe, model: OtmvModel, optim: torch.optim.Optimizer, step: int) -> None:
    """Take the optimiser's step with the accumulated gradients, at the step's learning rate."""
    for group in optim.param_groups:
        group["lr"] = group["rate"] * learning_rate(recipe, step)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optim.step()
    optim.zero_grad(set_to_none=True)


def _step(
    recipe: Recipe,
    pool: PicturePool,
    model: OtmvModel,
    step: int,
    device: torch.device,
    each: Mapped,
) -> TuningProgress:
    """Sum the gradients of one step; each task draws its own gates."""
    gates = random.Random(f"{recipe.seed}/{step}")
    config = recipe.config
    drawn = [
        draw(gates, config.orders, config.skip_probability, recipe.prefix_share)
        for _ in config.tasks
    ]
    weights = list(model.parameters())

    def part(task: TaskName, executed: tuple[int, ...]) -> tuple[TaskProgress, Gradients]:
        found = tuned_task(task).loss(TuningStep(recipe, pool, model, step, device, executed))
        gradients = torch.autograd.grad(found.loss, weights, allow_unused=True)
        return TaskProgress(found.loss.item(), found.right, executed), gradients

    parts: dict[TaskName, TaskProgress] = {}
    done = each(part, config.tasks, drawn)
    for task, (progress, gradients) in zip(config.tasks, done, strict=True):
        parts[task] = progress
        _add(weights, gradients)
    return TuningProgress(step, parts)


def _add(weights: Sequence[nn.Parameter], gradients: Gradients) -> None:
    """Add a task's gradients to those of the tasks before it; what it does not use has none."""
    for weight, gradient in zip(weights, gradients, strict=True):
        if gradient is not None:
            weight.grad = gradient if weight.grad is None else weight.grad + gradient
