"""Seconds of a call as a line over its rows: what the scheduler plans with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fit:
    """time = `fixed_s` + `row_s` · rows, and how far it is from what was measured.

    `worst`: the largest |fitted − measured| / measured.
    """

    fixed_s: float
    row_s: float
    worst: float

    @property
    def line(self) -> tuple[float, float]:
        """(fixed, per row), as `engine.elastic` takes it."""
        return self.fixed_s, self.row_s

    def record(self) -> dict[str, float]:
        """Return what the results file holds: microseconds."""
        return {
            "fixed_us": round(self.fixed_s * 1e6, 4),
            "row_us": round(self.row_s * 1e6, 4),
            "worst": round(self.worst, 4),
        }


def fit(times_s: Mapping[int, float]) -> Fit:
    """Fit a line through seconds by rows; relative errors count alike, neither part is negative.

    Raises:
        ValueError: fewer than two row counts, or a time that is not positive.
    """
    rows = np.array(sorted(times_s), dtype=float)
    seconds = np.array([times_s[int(count)] for count in rows])
    if len(rows) < 2 or not (seconds > 0).all():
        raise ValueError(f"a line needs positive times of two batches, not {dict(times_s)}")
    weights = 1 / seconds
    basis = np.stack([np.ones_like(rows), rows], axis=1)
    (fixed_s, row_s), *_ = np.linalg.lstsq(basis * weights[:, None], np.ones_like(rows), rcond=None)
    if fixed_s < 0:
        fixed_s, row_s = 0.0, float((rows * weights).sum() / ((rows * weights) ** 2).sum())
    elif row_s < 0:
        fixed_s, row_s = float(weights.sum() / (weights**2).sum()), 0.0
    worst = float(np.abs((fixed_s + row_s * rows) / seconds - 1).max())
    return Fit(float(fixed_s), float(row_s), worst)
