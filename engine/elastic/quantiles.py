"""Quantiles of what was seen, taken from the values themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed."""
    return at_share(sorted(values), share)


def at_share(ordered: Sequence[float], share: float) -> float:
    """Return `quantile` of values that are sorted already."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def weighed_median(ordered: Sequence[tuple[float, float]]) -> float:
    """Return the median of (value, weight) pairs that ascend by value."""
    half = sum(weight for _, weight in ordered) / 2
    below = accumulate(weight for _, weight in ordered)
    return next(value for (value, _), weight in zip(ordered, below, strict=True) if weight >= half)
