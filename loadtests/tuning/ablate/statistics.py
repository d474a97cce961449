"""Means over seeds, with intervals; differences are of the same seed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from loadtests.kit.intervals import bootstrap
from loadtests.tuning.ablate.run import AblationRun, Found
from loadtests.tuning.ablate.tasks import QUESTIONS

POINTS = 100
"""Points of a quality of 1."""


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, and the 95 % interval from drawing the seeds again.

    Attributes:
        mean, low, high: of the values.
        values: one for each seed.
    """

    mean: float
    low: float
    high: float
    values: tuple[float, ...]

    def record(self) -> dict[str, Any]:
        """Return what the results file holds."""
        return {
            "mean": round(self.mean, 4),
            "interval": [round(self.low, 4), round(self.high, 4)],
            "values": [round(value, 4) for value in self.values],
        }


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of what several seeds gave.

    Raises:
        ValueError: there are no values.
    """

    def mean(drawn: Sequence[int]) -> Mapping[str, float]:
        return {"mean": fmean(values[at] for at in drawn)}

    low, high = bootstrap(mean, len(values))["mean"]
    return Estimate(fmean(values), low, high, tuple(values))


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Return ours - theirs, seed by seed.

    Raises:
        ValueError: they are not of as many seeds.
    """
    return estimate([a - b for a, b in zip(ours, theirs, strict=True)])


def points(run: AblationRun, found: Found, depth: int, task: str = QUESTIONS) -> float:
    """Return the quality of a run at a depth, in points."""
    quality: float = found[run.key]["quality"][task][str(depth)]
    return POINTS * quality


def by_seed(runs: Sequence[AblationRun], arm: str, data: str) -> list[AblationRun]:
    """Return an arm's runs on some data, by seed.

    Raises:
        ValueError: there are none.
    """
    found = [run for run in runs if run.arm == arm and run.data == data]
    if not found:
        raise ValueError(f"no runs of {arm} on {data}")
    return sorted(found, key=lambda run: run.seed)
