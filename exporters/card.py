"""The model card that travels with an artifact."""

from __future__ import annotations

from models.checkpoint import Checkpoint


def model_card(checkpoint: Checkpoint) -> str:
    """Write what was tuned, on what, and what its variants cannot promise."""
    config, note = checkpoint.model.config, checkpoint.note
    millions = sum(p.numel() for p in checkpoint.model.parameters()) / 1e6
    runs = ", ".join(str(len(config.orders_of_key(key))) for key in range(config.keys))
    facts = "\n".join(f"| {name} | {value} |" for name, value in note.items())
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

The generated world only: pictures of one to five coloured shapes on a noisy ground, questions
about attributes, existence, counts and relations, and captions. It has never seen a photograph,
and knows {config.vocab_size - 5} words. Both tasks were tuned at once, from random initialisation,
by one command (`otmv tune`).

| setting | value |
|---|---|
{facts}

## What to expect, and what not

Measured quality of every variant, per task, is in `manifest.json` (`otmv inspect` prints it),
on pictures no tuning step and no ladder search has seen.

With independent gates at p = {config.skip_probability}, a step skips
{config.skip_probability * (config.orders - 1):.1f} of {config.orders} orders on average.
Shallow patterns are rare while tuning, and rarer the deeper the stack: half of 8 orders closed at
once has a chance of about 0.3 %, half of 24 about one in two million. The shallow variants here
work because 8 orders are few; nothing here shows that the same gates make half-depth variants of a
24-order model work. The paper reports such variants for BEiT-3 Large; we have not reproduced that.
Accuracy on the generated world says nothing about VQA v2 or COCO.
"""
