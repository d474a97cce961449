"""Load over time: stretches of a constant rate, and seeded arrivals within them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadtests.locust.errors import OptionError, read_positive
from loadtests.simulate.arrivals import gamma_arrivals


@dataclass(frozen=True)
class Level:
    """A load: requests per second, or a multiple of the capacity."""

    value: float
    of_capacity: bool

    def rate_hz(self, capacity_hz: float) -> float:
        """Return requests per second."""
        return self.value * capacity_hz if self.of_capacity else self.value

    def __str__(self) -> str:
        return f"{self.value:g}x" if self.of_capacity else f"{self.value:g}/s"


@dataclass(frozen=True)
class Stretch:
    """A stretch of constant load."""

    name: str
    rate_hz: float
    seconds: float


def read_level(option: str, text: str) -> Level:
    """Read `20` (requests per second) or `0.5x` (of the capacity).

    Raises:
        OptionError: it is neither.
    """
    problem = f"{option} {text}: write requests per second, or 0.5x of the capacity"
    return Level(read_positive(text.removesuffix("x"), problem), of_capacity=text.endswith("x"))


def steady(rate_hz: float, seconds: float) -> list[Stretch]:
    """Return one load all along."""
    return [Stretch("steady", rate_hz, seconds)]


def step(rate_hz: float, peak_hz: float, seconds: float, steps: int) -> list[Stretch]:
    """Return a climb from one load to another in `steps` equal steps, both ends among them.

    Raises:
        OptionError: fewer than two steps.
    """
    if steps < 2:
        raise OptionError(f"--steps {steps}: a climb needs 2 or more")
    rates = np.linspace(rate_hz, peak_hz, steps).tolist()
    return [Stretch(f"step{n}", rate, seconds / steps) for n, rate in enumerate(rates, 1)]


def spike(rate_hz: float, peak_hz: float, seconds: float, peak_seconds: float) -> list[Stretch]:
    """Return a load with a higher one in its middle.

    Raises:
        OptionError: the peak leaves no time before and after it.
    """
    beside_s = (seconds - peak_seconds) / 2
    if beside_s <= 0:
        raise OptionError(f"--peak-seconds {peak_seconds:g}: must be below --seconds {seconds:g}")
    return [
        Stretch("before", rate_hz, beside_s),
        Stretch("spike", peak_hz, peak_seconds),
        Stretch("after", rate_hz, beside_s),
    ]


def arrivals(stretches: Sequence[Stretch], cv2: float, seed: int) -> list[tuple[float, str]]:
    """Return arrivals as (seconds from the start, name of its stretch), ascending.

    One process of mean 1 runs through them all, sped up by each one's rate: gaps are gamma with
    squared coefficient of variation `cv2`, 1 is Poisson.
    """
    edges_s = np.cumsum([0.0, *(stretch.seconds for stretch in stretches)])
    counts = np.cumsum([0.0, *(stretch.rate_hz * stretch.seconds for stretch in stretches)])
    unit = np.asarray(gamma_arrivals(1.0, float(counts[-1]), cv2, seed))
    at_s = np.interp(unit, counts, edges_s)
    inside = np.minimum(np.searchsorted(counts, unit, side="right"), len(stretches)) - 1
    return [(t, stretches[n].name) for t, n in zip(at_s.tolist(), inside.tolist(), strict=True)]
