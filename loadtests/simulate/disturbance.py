"""What makes calls of a simulated device take longer than their means; all of it is seeded."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

_HORIZON_S = 600.0


@dataclass(frozen=True)
class Disturbance:
    """Why calls stray from their means; factors multiply.

    `noise`: standard deviation of the logarithm of each call's time; its mean is kept.
    `tail_share` of the calls take `tail_factor` times as long.
    `clock`: from `clock_from_s`, for `clock_s`, the device runs at this share of its speed.
    `load_factor`: beside a competing load calls take this many times as long. It comes and goes,
    each for `load_s` on average (exponential).
    """

    noise: float = 0.0
    tail_share: float = 0.0
    tail_factor: float = 10.0
    clock: float = 1.0
    clock_from_s: float = 5.0
    clock_s: float = 10.0
    load_factor: float = 1.0
    load_s: float = 1.0


QUIET = Disturbance()


class CallFactors:
    """Actual over mean seconds of one call after another, drawn alike for the same seed."""

    def __init__(self, disturbance: Disturbance, seed: int) -> None:
        self._disturbance = disturbance
        self._rng = np.random.default_rng([seed, 2])
        self._changes_s: list[float] = []
        if disturbance.load_factor != 1.0:
            count = round(_HORIZON_S / disturbance.load_s)
            lengths_s = np.random.default_rng([seed, 3]).exponential(disturbance.load_s, count)
            self._changes_s = list(accumulate(lengths_s.tolist()))

    def next(self, now: float) -> float:
        """Return the factor of a call that begins at `now`, seconds from the start."""
        found, factor = self._disturbance, 1.0
        if found == QUIET:
            return factor
        if found.noise:
            factor = float(np.exp(self._rng.normal(-(found.noise**2) / 2, found.noise)))
        if found.tail_share and self._rng.random() < found.tail_share:
            factor *= found.tail_factor
        if found.clock_from_s <= now < found.clock_from_s + found.clock_s:
            factor /= found.clock
        if bisect_right(self._changes_s, now) % 2:
            factor *= found.load_factor
        return factor
