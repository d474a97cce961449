"""Intervals of what several visits gave, by drawing the visits again (bootstrap). Pure."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence

Interval = tuple[float, float]
"""Lower and upper end."""

CONFIDENCE = 0.95
LEAST_VISITS = 3
"""Of fewer no bar is drawn."""
_ALL_UP_TO = 4
"""Visits of which every way to draw them is taken; of more, `_DRAWS` at random, seeded."""
_DRAWS = 2000


def too_few(visits: int) -> str:
    """Say why a bar is not drawn."""
    return f"{visits} visit{'s' if visits != 1 else ''}; a bar needs {LEAST_VISITS}"


def draws(count: int) -> list[tuple[int, ...]]:
    """Return ways to draw `count` of `count` visits, each again and again."""
    if count <= _ALL_UP_TO:
        return list(itertools.product(range(count), repeat=count))
    drawing = random.Random(count)
    return [tuple(drawing.choices(range(count), k=count)) for _ in range(_DRAWS)]


def bootstrap(
    statistic: Callable[[Sequence[int]], Mapping[str, float]], count: int
) -> dict[str, Interval]:
    """Return the interval of each value that `statistic` makes of the visits drawn.

    Args:
        statistic: from the numbers of visits, 0 to count - 1, to named values.
        count: how many visits there are; all sides of one are drawn together.

    Raises:
        ValueError: there are no visits.
    """
    if count < 1:
        raise ValueError("no visits to draw from")
    found = [statistic(drawn) for drawn in draws(count)]
    return {name: _middle(sorted(each[name] for each in found)) for name in found[0]}


def _middle(ordered: Sequence[float]) -> Interval:
    """Return the ends of the middle `CONFIDENCE` of the values; between two values, the outer."""
    left_out = int(len(ordered) * (1 - CONFIDENCE) / 2)
    return ordered[left_out], ordered[-1 - left_out]
