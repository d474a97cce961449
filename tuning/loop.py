"""The once-tuning loop: full fine-tuning, gates drawn at every step (supplement, 3.1-3.2)."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from models.checkpoint import token_id
from models.gates import draw
from models.series import OtmvModel
from tuning.batches import caption_batch, reason_batch, vqa_batch
from tuning.pool import Pool
from tuning.recipe import Recipe
from tuning.state import load_state, save_state
from tuning.tokens import MASK, PAD, world_tokenizer


@dataclass(frozen=True)
class Progress:
    """What a step reports.

    Losses in nats, shares of questions and statements right, orders executed for the questions.
    """

    step: int
    vqa_loss: float
    vqa_right: float
    caption_loss: float
    reason_loss: float
    reason_right: float
    executed: tuple[int, ...]


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
    pool: Pool,
    out: Path,
    device: torch.device,
    on_step: Callable[[Progress], None] | None = None,
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
    """
    torch.manual_seed(recipe.seed)
    model = OtmvModel(recipe.config).to(device)
    optim = optimiser(model, recipe)
    first = load_state(out, recipe, model, optim)
    model.train()
    for step in range(first, recipe.steps):
        for group in optim.param_groups:
            group["lr"] = group["rate"] * learning_rate(recipe, step)
        progress = _step(recipe, pool, model, step, device)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optim.step()
        optim.zero_grad(set_to_none=True)
        if on_step:
            on_step(progress)
        if (step + 1) % checkpoint_every == 0 or step + 1 == recipe.steps:
            save_state(out, recipe, model, optim, step + 1)
    return model.eval()


_PAD = token_id(world_tokenizer(), PAD)
_MASK = token_id(world_tokenizer(), MASK)


def _step(
    recipe: Recipe, pool: Pool, model: OtmvModel, step: int, device: torch.device
) -> Progress:
    """Accumulate the gradients of one step; each task draws its own gates."""
    gates = random.Random(f"{recipe.seed}/{step}")
    config = recipe.config
    drawn = [draw(gates, config.orders, config.skip_probability) for _ in range(3)]
    vqa, right = _ask(recipe, pool, model, step, device, drawn[0])
    caption = _tell(recipe, pool, model, step, device, drawn[1])
    reason, judged = _judge(recipe, pool, model, step, device, drawn[2])
    return Progress(step, vqa, right, caption, reason, judged, drawn[0])


def _ask(
    recipe: Recipe,
    pool: Pool,
    model: OtmvModel,
    step: int,
    device: torch.device,
    executed: tuple[int, ...],
) -> tuple[float, float]:
    """Questions: loss and share right."""
    shares = recipe.phase(step).kind_shares
    asked = vqa_batch(pool, recipe.seed, step, recipe.vqa_batch, _PAD, shares)
    with torch.autocast(device.type, torch.bfloat16):
        logits = model.vqa(
            asked.pixels.to(device), asked.tokens.to(device), asked.mask.to(device), executed
        )
    return _classified(logits, asked.answers.to(device))


def _tell(
    recipe: Recipe,
    pool: Pool,
    model: OtmvModel,
    step: int,
    device: torch.device,
    executed: tuple[int, ...],
) -> float:
    """Captions: loss."""
    told = caption_batch(pool, recipe.seed, step, recipe.caption_batch, _PAD)
    with torch.autocast(device.type, torch.bfloat16):
        words = model.caption_logits(told.pixels.to(device), told.words.to(device), _MASK, executed)
    loss = nn.functional.cross_entropy(
        words.float().flatten(0, 1), told.next_words.to(device).flatten(), ignore_index=_PAD
    )
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.item()


def _judge(
    recipe: Recipe,
    pool: Pool,
    model: OtmvModel,
    step: int,
    device: torch.device,
    executed: tuple[int, ...],
) -> tuple[float, float]:
    """Statements about two pictures: loss and share right."""
    said = reason_batch(pool, recipe.seed, step, recipe.reason_batch, _PAD)
    with torch.autocast(device.type, torch.bfloat16):
        logits = model.reason(
            said.pixels.to(device), said.tokens.to(device), said.mask.to(device), executed
        )
    return _classified(logits, said.truths.to(device))


def _classified(logits: Tensor, truth: Tensor) -> tuple[float, float]:
    """Accumulate the gradients of a classification; return its loss and the share right."""
    loss = nn.functional.cross_entropy(logits.float(), truth)
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.item(), float((logits.argmax(-1) == truth).float().mean())
