"""The model card that travels with an artifact."""

from __future__ import annotations

from math import comb

from artifact.config import ModelConfig
from artifact.manifest import LadderRecord, Manifest
from artifact.task import TASKS, asked_of
from models.checkpoint import Checkpoint


def model_card(checkpoint: Checkpoint) -> str:
    """Write what was tuned, on what, and what its variants cannot promise."""
    config, note = checkpoint.model.config, checkpoint.note
    millions = sum(p.numel() for p in checkpoint.model.parameters()) / 1e6
    runs = ", ".join(str(len(config.orders_of_key(key))) for key in range(config.keys))
    facts = "\n".join(f"| {name} | {value} |" for name, value in note.items())
    prefix_share = float(note.get("prefix_share", 0.0))
    texts = ",\n".join(TASKS[task].about for task in asked_of(config.tasks))
    return f"""# Model card: {config.name}

A small BEiT-3-shaped vision-language model tuned once with OTMV
(Once-Tuning-Multiple-Variants) and served as a family of variants.

- {config.keys} key block(s), reused by {runs} orders; {config.orders} orders in all, width
  {config.width}, {config.heads} heads, {config.picture_sizes} pictures in patches of
  {config.patch_size} px; {millions:.2f} M unique parameters.
- Feed-forward keys of vision and language are one merged tensor; attention projections and norms
  are per modality; every order has its own norms and one learned coefficient.
- Readout: `{config.readout}` (sum of the executed orders' outputs).
{_gates(config, prefix_share)}

## What it was tuned on

The generated world only: pictures of one to five coloured shapes on a noisy ground, with
{texts}.
It has never seen a photograph, and knows {config.vocab_size - 5} words. All of it was tuned at
once, from random initialisation (`otmv tune`).

| setting | value |
|---|---|
{facts}

{_expectations(config, prefix_share)}"""


def das_card(checkpoint: Checkpoint) -> str:
    """Write what a DAS checkpoint is: which orders adapters replace, and what was tuned."""
    config, said = checkpoint.model.config, checkpoint.model.config.skipping
    assert said is not None, "a DAS checkpoint says so"
    facts = "\n".join(f"| {name} | {value} |" for name, value in checkpoint.note.items())
    shown = "\n".join(
        f"- {len(skipped)} of {config.orders} orders: {', '.join(map(str, skipped)) or 'none'}"
        for skipped in said.variants
    )
    instead = f"one of {said.replacing} takes its place" if said.replacing else "it is left out"
    return f"""# Model card: {config.name}

A frozen model with adapters (DAS: dynamic architecture skipping, arXiv 2309.01479). Beside both
parts of an order that is kept there is an adapter of inner width {said.beside}; where an order is
skipped, {instead}. Its variants skip:

{shown}

Only adapters, and heads if the recipe says so, were tuned, for {config.tasks[0]} alone.

| setting | value |
|---|---|
{facts}
"""


def released_card(checkpoint: Checkpoint) -> str:
    """Write what an imported checkpoint is, which nothing here has tuned or measured."""
    config = checkpoint.model.config
    facts = "\n".join(f"| {name} | {value} |" for name, value in checkpoint.note.items())
    texts = ",\n".join(TASKS[task].about for task in asked_of(config.tasks))
    return f"""# Model card: {config.name}

A released BEiT-3 checkpoint, served as one variant that computes what the file computes. It was
fine-tuned elsewhere; what it was tuned on, its licence and its limits are its authors' to say.

- {config.orders} blocks, width {config.width}, {config.heads} heads.
- Pictures of {config.picture_sizes}.
- For {texts}.
- Nothing was measured here: quality in `manifest.json` is null.

| fact | value |
|---|---|
{facts}
"""


def _gates(config: ModelConfig, prefix_share: float) -> str:
    """Write which gates were closed while tuning."""
    closed = f"each order but the first was bypassed with probability {config.skip_probability}"
    if prefix_share:
        closed = f"""in {prefix_share:.0%} of the draws all orders behind a random depth were
  bypassed, in the others {closed}"""
    return f"""- Gates: {closed},
  drawn anew at each tuning step. A variant is one frozen choice of gates."""


def _expectations(config: ModelConfig, prefix_share: float) -> str:
    """Write what the variants of a model can and cannot promise."""
    p = config.skip_probability
    evenly = " Draws of a depth are shallow as often as deep." if prefix_share else ""
    return f"""## What to expect, and what not

Measured quality of every variant, per task, is in `manifest.json` (`otmv inspect` prints it),
on pictures no tuning step and no ladder search has seen.

With independent gates at p = {p}, a draw skips {p * (config.orders - 1):.1f} of
{config.orders} orders on average. Such draws are rarely shallow, and the less often the deeper the
stack: the chance that half of the orders or more are closed is
{_half_closed(config.orders, p):.1e} at {config.orders} orders and
{_half_closed(24, p):.1e} at 24.{evenly}
How well shallow variants of this model do is measured; nothing here shows that the same gates make
half-depth variants of a 24-order model work.
The paper reports such variants for BEiT-3 Large; we have not reproduced that.
Accuracy on the generated world says nothing about VQA v2, COCO or NLVR2.
"""


def agreement_section(manifest: Manifest) -> str:
    """Write how often variants answer as the deepest one does; nothing where it is not known."""
    tasks = [task for task in manifest.tasks if task in manifest.variants[0].agreement]
    if not tasks:
        return ""
    rows = "\n".join(
        f"| {variant.id} | "
        + " | ".join(f"{100 * (variant.agreement_of(task, 'fp32') or 0):.1f} %" for task in tasks)
        + " |"
        for variant in manifest.variants
    )
    return f"""
## Agreement

The share of answers that are those of `{manifest.deepest}`, right or wrong: the same best label, or
the same text. Measured with the qualities; a server's audit compares live answers with it.

| variant | {" | ".join(tasks)} |
|---|{"---|" * len(tasks)}
{rows}
"""


def chain_section(ladder: LadderRecord | None) -> str:
    """Write what a chain costs, as the last section of the card; nothing if there is no chain."""
    if ladder is None or ladder.chain is None:
        return ""
    stops = ladder.chain.stops
    tasks = list(stops[0].cost)
    rows = "\n".join(
        f"| {stop.variant} | {', '.join(map(str, stop.free_pattern))} | "
        + " | ".join(f"{100 * stop.cost[task]:+.1f}" for task in tasks)
        + " |"
        for stop in stops
    )
    return f"""
## One chain

The orders of each variant are the first of the next one's, so a request can go deeper from whatever
it has computed. The price: at each depth another pattern may be better. Beside each variant, the
pattern of as many orders that the search found best, and by how many points it is better, measured
on another split ({ladder.chain.split}); next words under teacher forcing stand for captions.

| variant | best free pattern | {" | ".join(f"{task}, points" for task in tasks)} |
|---|---|{"---|" * len(tasks)}
{rows}
"""


def _half_closed(orders: int, p: float) -> float:
    """Return the chance that a draw leaves at most half of the orders executed."""
    gates = orders - 1
    least = orders - orders // 2
    return sum(comb(gates, k) * p**k * (1 - p) ** (gates - k) for k in range(least, orders))
