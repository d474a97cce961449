"""Quantiles of what was seen, taken from the values themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed."""
    return at_share(sorted(values), share)


def at_share(ordered: Sequence[float], share: float) -> float:
    """Return `quantile` of values that are sorted already."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]
