"""Plain fine-tuning beside what is ablated, and whether runs are long enough. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.kit.bars import Bar
from loadtests.kit.intervals import LEAST_VISITS
from loadtests.tuning.ablate.recipes import FULL_METHOD, tuned
from loadtests.tuning.ablate.run import AblationRun, Found
from loadtests.tuning.ablate.scale import AblationScale
from loadtests.tuning.ablate.statistics import (
    Estimate,
    by_seed,
    difference,
    estimate,
    points,
)
from loadtests.tuning.ablate.summary import Line, Panel

PLAIN, LONGER = "plain", "plain, twice as long"
_WITHIN = 2.0
"""Points that plain fine-tuning may be below what twice the steps give it."""


def plain_runs(scale: AblationScale, data: str) -> list[AblationRun]:
    """Return plain fine-tuning with every seed, and once twice as long, with the first seed."""
    usual = [tuned(scale, PLAIN, data, seed, FULL_METHOD) for seed in scale.seeds]
    return [*usual, tuned(scale, LONGER, data, scale.seeds[0], FULL_METHOD, longer=2.0)]


def long_enough(scale: AblationScale, taken: Sequence[AblationRun], found: Found, data: str) -> Bar:
    """Return the bar on how much plain fine-tuning gains from twice the steps."""
    (longer,) = by_seed(taken, LONGER, data)
    usual = by_seed(taken, PLAIN, data)[0]
    gained = points(longer, found, scale.orders) - points(usual, found, scale.orders)
    steps = f"{found[usual.key]['steps']:,} steps"
    return Bar(f"ablate.{data}.long-enough", gained, _WITHIN, False, f"points over {steps}")


def depth_line(
    scale: AblationScale, taken: Sequence[AblationRun], found: Found, arm: str, data: str
) -> Line:
    """Return an arm's quality at every depth."""
    depths = tuple(range(1, scale.orders + 1))
    runs = by_seed(taken, arm, data)
    each = tuple(estimate([points(run, found, depth) for run in runs]) for depth in depths)
    return Line(arm, depths, each)


def plain_line(scale: AblationScale, taken: Sequence[AblationRun], found: Found, data: str) -> Line:
    """Return plain fine-tuning's quality at full depth, as a line to compare with."""
    runs = by_seed(taken, PLAIN, data)
    full = estimate([points(run, found, scale.orders) for run in runs])
    return Line("plain fine-tuning, full depth", (1, scale.orders), (full, full), dashed=True)


def bar_of(name: str, found: Estimate, limit: float, *, at_least: bool, spread: str) -> Bar:
    """Return a bar on an estimate; of few seeds on its mean, without an interval."""
    few = len(found.values) < LEAST_VISITS
    said = f"{len(found.values)} seeds" + (", too few for an interval" if few else "")
    interval = None if few else (found.low, found.high)
    return Bar(name, found.mean, limit, at_least, f"{spread}, {said}", interval=interval)


def gain_panel(
    scale: AblationScale,
    taken: Sequence[AblationRun],
    found: Found,
    ours: str,
    theirs: str,
    data: str,
    paper: float | None = None,
) -> Panel:
    """Return how much one arm is above another at every depth; `paper`: its points at the full."""
    depths = tuple(range(1, scale.orders + 1))
    sides = [by_seed(taken, arm, data) for arm in (ours, theirs)]
    gained = tuple(
        difference(*([points(run, found, depth) for run in side] for side in sides))
        for depth in depths
    )
    marks = (*(None for _ in depths[1:]), paper)
    line = Line("ours", depths, gained, marks=marks if paper is not None else ())
    return Panel(f"{data}: the gain", "orders executed", "points", (line,), zero=True)
