"""OTMV gates: while tuning each order is executed or bypassed at random (ADR 0001, ADR 0005)."""

from __future__ import annotations

import random


def draw(rng: random.Random, orders: int, skip_probability: float) -> tuple[int, ...]:
    """Draw the gates of one tuning step.

    A closed gate is a bypass: h_k = h_{k-1} and the term is left out. Order 0 is never skipped.

    Args:
        rng: source of chance.
        orders: orders of the whole stack.
        skip_probability: chance that a gate is closed.

    Returns:
        The executed orders, ascending.
    """
    return (0, *(k for k in range(1, orders) if rng.random() >= skip_probability))
