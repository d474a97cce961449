"""Skip probability × variant size (supplement, section 3.2, figures 1-2)."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from loadtests.tuning.ablate.plans.contract import Ablation
from loadtests.tuning.ablate.plans.plain import (
    PLAIN,
    depth_line,
    long_enough,
    plain_line,
    plain_runs,
)
from loadtests.tuning.ablate.recipes import otmv, tuned
from loadtests.tuning.ablate.run import AblationRun, Found
from loadtests.tuning.ablate.scale import EASY, WORLD, AblationScale
from loadtests.tuning.ablate.statistics import by_seed, difference, points
from loadtests.tuning.ablate.summary import Claim, Panel, Summary

PROBABILITIES = (0.01, 0.05, 0.1, 0.2)
_DATA = (EASY, WORLD)


def arm(probability: float) -> str:
    """Return what the runs of a probability are called."""
    return f"p = {probability:g}"


def runs(scale: AblationScale) -> list[AblationRun]:
    """Return one run for each probability, data and seed, and plain ones beside them."""
    gated = [
        tuned(scale, arm(p), data, seed, otmv(scale, p))
        for data in _DATA
        for seed in scale.seeds
        for p in PROBABILITIES
    ]
    return gated + [run for data in _DATA for run in plain_runs(scale, data)]


def summarise(scale: AblationScale, taken: Sequence[AblationRun], found: Found) -> Summary:
    """Return quality by depth for each probability, and the paper's three sentences."""
    panels, claims, bars = [], [], []
    for data in _DATA:
        lines = [depth_line(scale, taken, found, arm(p), data) for p in PROBABILITIES]
        reference = plain_line(scale, taken, found, data)
        panels.append(Panel(data, "orders executed", "quality, points", (*lines, reference)))
        claims += _claims(scale, taken, found, data)
        bars.append(long_enough(scale, taken, found, data))
    note = f"{PLAIN}: every order in every step, quality at full depth; figures 1-2 give no numbers"
    return Summary(panels, claims, bars, (note,))


def _claims(
    scale: AblationScale, taken: Sequence[AblationRun], found: Found, data: str
) -> list[Claim]:
    small = range(1, scale.orders // 2 + 1)
    full = [scale.orders]

    def quality(p: float, depths: Sequence[int]) -> list[float]:
        chosen = by_seed(taken, arm(p), data)
        return [fmean(points(run, found, depth) for depth in depths) for run in chosen]

    return [
        Claim(
            f"{data}: p 0.05 over 0.01, mean of the shallower half",
            "0.01 injures small variants apparently (figures 1-2)",
            difference(quality(0.05, small), quality(0.01, small)),
        ),
        Claim(
            f"{data}: p 0.2 over 0.05, mean of the shallower half",
            "0.2 does not harm small variants (figures 1-2)",
            difference(quality(0.2, small), quality(0.05, small)),
            bound=-0.5,
        ),
        Claim(
            f"{data}: p 0.1 over 0.2, full depth",
            "0.2 costs large variants slightly (figures 1-2)",
            difference(quality(0.1, full), quality(0.2, full)),
        ),
    ]


SKIP_PROBABILITY = Ablation(
    "skip-probability",
    "Skip probability and variant size (supplement, figures 1-2)",
    "How often may a gate be closed while tuning?",
    runs,
    summarise,
)
