"""Coefficients learned or fixed at 1 (supplement, section 3.3, table 3)."""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.tuning.ablate.plans.contract import Ablation
from loadtests.tuning.ablate.plans.plain import depth_line, gain_panel
from loadtests.tuning.ablate.plans.skip_probability import arm
from loadtests.tuning.ablate.recipes import otmv, tuned
from loadtests.tuning.ablate.run import AblationRun, Found
from loadtests.tuning.ablate.scale import EASY, AblationScale
from loadtests.tuning.ablate.statistics import by_seed, difference, points
from loadtests.tuning.ablate.summary import Claim, Panel, Summary

_PROBABILITY = 0.1
LEARNED, FIXED = arm(_PROBABILITY), "fixed at 1"
_PAPER = "+0.30 (base) and +0.63 (large) points, BEiT-3 on VQA v2 test-dev (table 3)"
_PAPER_BASE = 0.30


def runs(scale: AblationScale) -> list[AblationRun]:
    """Return runs that learn the coefficients, as those of skip probability do, and that do not."""
    fixed = otmv(scale, _PROBABILITY, freeze_coefficients=True)
    learned = otmv(scale, _PROBABILITY)
    return [
        tuned(scale, name, EASY, seed, method)
        for seed in scale.seeds
        for name, method in ((LEARNED, learned), (FIXED, fixed))
    ]


def summarise(scale: AblationScale, taken: Sequence[AblationRun], found: Found) -> Summary:
    """Return quality by depth of both, and what learning gains."""
    lines = tuple(depth_line(scale, taken, found, name, EASY) for name in (LEARNED, FIXED))
    labelled = (lines[0].labelled("learned"), lines[1])
    gain = gain_panel(scale, taken, found, LEARNED, FIXED, EASY, paper=_PAPER_BASE)
    both = [
        [points(run, found, scale.orders) for run in by_seed(taken, name, EASY)]
        for name in (LEARNED, FIXED)
    ]
    claim = Claim("learned over fixed, full depth", _PAPER, difference(*both))
    panels = (Panel(EASY, "orders executed", "quality, points", labelled), gain)
    return Summary(panels, (claim,))


COEFFICIENTS = Ablation(
    "coefficients",
    "Coefficients learned or fixed at 1 (supplement, table 3)",
    "Are coefficients worth learning?",
    runs,
    summarise,
)
