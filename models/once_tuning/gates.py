"""OTMV gates: while tuning each order is executed or bypassed at random (ADR 0001, ADR 0005)."""

from __future__ import annotations

import random


def draw(
    rng: random.Random, orders: int, skip_probability: float, prefix_share: float = 0.0
) -> tuple[int, ...]:
    """Draw the gates of one tuning step.

    A closed gate is a bypass: h_k = h_{k-1} and the term is left out. Order 0 is never skipped.
    Gates are closed independently, or, in a share of the draws, all gates behind a depth that is
    drawn evenly: what is left is a stop of a chain (ADR 0030).

    Args:
        rng: source of chance.
        orders: orders of the whole stack.
        skip_probability: chance that a gate is closed, where gates are independent.
        prefix_share: share of the draws that are prefixes of the stack.

    Returns:
        The executed orders, ascending.
    """
    if prefix_share and rng.random() < prefix_share:
        return tuple(range(rng.randint(1, orders)))
    return (0, *(k for k in range(1, orders) if rng.random() >= skip_probability))
