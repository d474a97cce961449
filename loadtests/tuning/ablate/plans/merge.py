"""How two feed-forwards become one (supplement, section 3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from loadtests.tuning.ablate.plans.contract import Ablation
from loadtests.tuning.ablate.plans.plain import depth_line
from loadtests.tuning.ablate.recipes import otmv, tuned
from loadtests.tuning.ablate.run import AblationRun, Found
from loadtests.tuning.ablate.scale import EASY, AblationScale
from loadtests.tuning.ablate.statistics import by_seed, difference, estimate, points
from loadtests.tuning.ablate.summary import Claim, Line, Panel, Summary

MERGES = {"mean": "mean", "weighted 0.7, 0.3": "weighted:0.7,0.3", "least MSE": "mse"}
"""Eq. 4, eq. 5 with factors of ours, eq. 6; the first is what others are compared with."""
_MEAN = next(iter(MERGES))
_SPREAD = 0.15
_PAPER = f"the three differ by {_SPREAD} points of VQA v2 at most (section 3.4)"


def runs(scale: AblationScale) -> list[AblationRun]:
    """Return one run for each merge and seed."""
    return [
        tuned(scale, name, EASY, seed, otmv(scale, merge=merge))
        for seed in scale.seeds
        for name, merge in MERGES.items()
    ]


def summarise(scale: AblationScale, taken: Sequence[AblationRun], found: Found) -> Summary:
    """Return quality by depth for each merge, and how far they lie apart at full depth."""
    lines = tuple(depth_line(scale, taken, found, name, EASY) for name in MERGES)
    at_full = {
        name: [points(run, found, scale.orders) for run in by_seed(taken, name, EASY)]
        for name in MERGES
    }
    others = [name for name in MERGES if name != _MEAN]
    over = tuple(difference(at_full[name], at_full[_MEAN]) for name in others)
    places = tuple(map(float, range(len(others))))
    apart = estimate([max(each) - min(each) for each in zip(*at_full.values(), strict=True)])
    claim = Claim(
        "highest less lowest of the merges, full depth", _PAPER, apart, bound=_SPREAD, below=True
    )
    panels = (
        Panel(EASY, "orders executed", "quality, points", lines),
        Panel(
            "full depth",
            "",
            "over the mean, points",
            (Line("", places, over),),
            names=tuple(others),
            zero=True,
        ),
    )
    noise = fmean(max(each) - min(each) for each in at_full.values())
    notes = (
        "as printed, eq. 6 has the mean for its solution: least MSE must equal it, seed by seed",
        f"seeds of one merge lie {noise:.2f} points apart",
    )
    return Summary(panels, (claim,), notes=notes)


MERGE = Ablation(
    "merge",
    "Merges of the two feed-forwards (supplement, section 3.4)",
    "Does it matter how two feed-forwards become one?",
    runs,
    summarise,
)
