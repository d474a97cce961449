"""First quartile, median and third quartile."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return first quartile, median and third quartile; of one value, itself.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values to take quartiles of")
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high
