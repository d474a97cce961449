"""One tuning for all depths beside a tuning for each, in the same time; the paper lacks this."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from loadtests.tuning.ablate.plans.contract import Ablation
from loadtests.tuning.ablate.plans.plain import depth_line, plain_line, plain_runs
from loadtests.tuning.ablate.plans.skip_probability import arm
from loadtests.tuning.ablate.recipes import otmv, tuned
from loadtests.tuning.ablate.run import AblationRun, Found
from loadtests.tuning.ablate.scale import EASY, WORLD, AblationScale
from loadtests.tuning.ablate.statistics import by_seed, difference, estimate, points
from loadtests.tuning.ablate.summary import Claim, Line, Panel, Summary

_PROBABILITY = 0.1
ONCE = arm(_PROBABILITY)
_DATA = (EASY, WORLD)


def depths_of(scale: AblationScale) -> tuple[int, ...]:
    """Return the depths that are tuned one by one: at most four, evenly, the last one full."""
    each = -(-scale.orders // 4)
    return tuple(range(scale.orders % each or each, scale.orders + 1, each))


def alone(depth: int) -> str:
    """Return what the runs of one depth are called."""
    return f"depth {depth} alone"


def runs(scale: AblationScale) -> list[AblationRun]:
    """Return once-tunings, and for each the tunings of single depths that share its time."""
    found: list[AblationRun] = []
    depths = depths_of(scale)
    for data in _DATA:
        for seed in scale.seeds:
            once = tuned(scale, ONCE, data, seed, otmv(scale, _PROBABILITY))
            share = (once, 1 / len(depths))
            found.append(once)
            found += [
                tuned(
                    scale,
                    alone(depth),
                    data,
                    seed,
                    {"kind": "full", "depth": depth},
                    as_long_as=share,
                )
                for depth in depths
            ]
        found += plain_runs(scale, data)
    return found


def summarise(scale: AblationScale, taken: Sequence[AblationRun], found: Found) -> Summary:
    """Return quality by depth of both ways, and the differences."""
    panels, claims, notes = [], [], []
    depths = depths_of(scale)
    for data in _DATA:
        once = depth_line(scale, taken, found, ONCE, data).labelled("one tuning for all")
        separate = [_separately(taken, found, depth, data) for depth in depths]
        lines = (
            once,
            Line("each depth alone, same time in all", depths, tuple(map(estimate, separate))),
            plain_line(scale, taken, found, data),
        )
        panels.append(Panel(data, "orders executed", "quality, points", lines))
        ours = [[points(r, found, d) for r in by_seed(taken, ONCE, data)] for d in depths]
        over = [difference(a, b) for a, b in zip(ours, separate, strict=True)]
        seeds = [fmean(values) for values in zip(*(each.values for each in over), strict=True)]
        claims.append(
            Claim(
                f"{data}: one tuning over one for each depth, mean of {len(depths)} depths",
                None,
                estimate(seeds),
            )
        )
        notes.append(_times(taken, found, data, depths))
    return Summary(panels, claims, notes=notes)


def _separately(taken: Sequence[AblationRun], found: Found, depth: int, data: str) -> list[float]:
    return [points(run, found, depth) for run in by_seed(taken, alone(depth), data)]


def _times(taken: Sequence[AblationRun], found: Found, data: str, depths: Sequence[int]) -> str:
    """Say what both ways took, and how many numbers they leave."""
    once = by_seed(taken, ONCE, data)
    apart = [by_seed(taken, alone(depth), data) for depth in depths]
    ours_s = fmean(found[run.key]["cpu_s"] for run in once)
    theirs_s = sum(fmean(found[run.key]["cpu_s"] for run in runs) for runs in apart)
    ours = found[once[0].key]["parameters"]
    theirs = sum(found[runs[0].key]["parameters"] for runs in apart)
    return (
        f"{data}: {ours_s:.0f} s of processor time for all depths at once, {theirs_s:.0f} s for "
        f"{len(depths)} alone; {ours / 1e6:.2f} million parameters, {theirs / 1e6:.2f} million"
    )


DEPTH = Ablation(
    "depth",
    "One tuning for all depths, or one for each in the same time (not in the paper)",
    "Is one tuning for all depths better than a tuning for each?",
    runs,
    summarise,
)
