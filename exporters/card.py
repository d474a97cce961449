"""The model card that travels with an artifact."""

from __future__ import annotations

from math import comb

from artifact.config import ModelConfig
from artifact.task import TASKS
from models.checkpoint import Checkpoint


def model_card(checkpoint: Checkpoint) -> str:
    """Write what was tuned, on what, and what its variants cannot promise."""
    config, note = checkpoint.model.config, checkpoint.note
    millions = sum(p.numel() for p in checkpoint.model.parameters()) / 1e6
    runs = ", ".join(str(len(config.orders_of_key(key))) for key in range(config.keys))
    facts = "\n".join(f"| {name} | {value} |" for name, value in note.items())
    texts = ",\n".join(TASKS[task].about for task in config.tasks)
    return f"""# Model card: {config.name}

A small BEiT-3-shaped vision-language model tuned once with OTMV
(Once-Tuning-Multiple-Variants) and served as a family of variants.

- {config.keys} key block(s), reused by {runs} orders; {config.orders} orders in all, width
  {config.width}, {config.heads} heads, {config.image_size} px pictures in patches of
  {config.patch_size} px; {millions:.2f} M unique parameters.
- Feed-forward keys of vision and language are one merged tensor; attention projections and norms
  are per modality; every order has its own norms and one learned coefficient.
- Readout: `{config.readout}` (sum of the executed orders' outputs).
- Gates: each order but the first was bypassed with probability {config.skip_probability} at each
  tuning step. A variant is one frozen choice of gates.

## What it was tuned on

The generated world only: pictures of one to five coloured shapes on a noisy ground, with
{texts}.
It has never seen a photograph, and knows {config.vocab_size - 5} words. All of it was tuned at
once, from random initialisation (`otmv tune`).

| setting | value |
|---|---|
{facts}

{_expectations(config)}"""


def released_card(checkpoint: Checkpoint) -> str:
    """Write what an imported checkpoint is, which nothing here has tuned or measured."""
    config = checkpoint.model.config
    facts = "\n".join(f"| {name} | {value} |" for name, value in checkpoint.note.items())
    sizes = ", ".join(f"{config.image_size_of(task)} px for {task}" for task in config.tasks)
    texts = ",\n".join(TASKS[task].about for task in config.tasks)
    return f"""# Model card: {config.name}

A released BEiT-3 checkpoint, served as one variant that computes what the file computes. It was
fine-tuned elsewhere; what it was tuned on, its licence and its limits are its authors' to say.

- {config.orders} blocks, width {config.width}, {config.heads} heads; pictures of {sizes}.
- For {texts}.
- Nothing was measured here: quality in `manifest.json` is null.

| fact | value |
|---|---|
{facts}
"""


def _expectations(config: ModelConfig) -> str:
    """Write what the variants of a model can and cannot promise."""
    p = config.skip_probability
    return f"""## What to expect, and what not

Measured quality of every variant, per task, is in `manifest.json` (`otmv inspect` prints it),
on pictures no tuning step and no ladder search has seen.

With independent gates at p = {p}, a step skips {p * (config.orders - 1):.1f} of
{config.orders} orders on average. Shallow patterns are rare while tuning, and rarer the deeper the
stack: the chance that half of the orders or more are closed is
{_half_closed(config.orders, p):.1e} at {config.orders} orders and
{_half_closed(24, p):.1e} at 24. How well shallow variants of this model do is
measured; nothing here shows that the same gates make half-depth variants of a 24-order model work.
The paper reports such variants for BEiT-3 Large; we have not reproduced that.
Accuracy on the generated world says nothing about VQA v2, COCO or NLVR2.
"""


def _half_closed(orders: int, p: float) -> float:
    """Return the chance that a draw leaves at most half of the orders executed."""
    gates = orders - 1
    least = orders - orders // 2
    return sum(comb(gates, k) * p**k * (1 - p) ** (gates - k) for k in range(least, orders))
