"""Few parameters beside all weights: methods, sizes, data shares, depths (PEFT study)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import Any

from loadtests.kit.bars import Bar
from loadtests.tuning.ablate.adapter_recipes import (
    ALL_WEIGHTS,
    CAPTIONS,
    TASK_OF,
    adapter,
    on_demo,
)
from loadtests.tuning.ablate.plans.adapter_sizes import METHODS, SWEPT, Sized
from loadtests.tuning.ablate.plans.contract import Ablation
from loadtests.tuning.ablate.plans.plain import bar_of
from loadtests.tuning.ablate.run import AblationRun, Found
from loadtests.tuning.ablate.scale import EASY, AblationScale
from loadtests.tuning.ablate.statistics import Estimate, by_seed, difference, estimate, points
from loadtests.tuning.ablate.summary import Claim, Line, Panel, Summary

DATA = (EASY, CAPTIONS)
SHARES = (0.1, 0.4, 1.0)
"""Of the pictures; the study's ends and middle."""
DEPTHS = 8
"""Of the demo."""
_FULL_RATE = 1e-3
_MOST_SHARE = 0.03
"""Of the parameters: a method with more of them is not held against the bar."""
_BELOW = -2.0
FULL = "all weights"
_COSTS = {
    "steps": ("time of a tuning step", "over all weights"),
    "serving": ("time of a pass", "over the base"),
    "bytes": ("size on disk", "kB"),
}
"""Title, and what stands up, of the panels of costs."""


def arm(form: str, size: int | None = None, share: float = 1.0) -> str:
    """Return what the runs of a method are called."""
    sized = form if size is None else f"{form} {size}"
    return sized if share == 1 else f"{sized}, {share:.0%} of the data"


def runs(scale: AblationScale) -> list[AblationRun]:
    """Return every method at one size, three at three sizes and shares, and all weights."""
    found: list[AblationRun] = []
    for data in DATA:
        for seed in scale.adapter_seeds:
            where = (data, seed)
            found += [_of(scale, arm(m.form), where, m, m.usual, 1.0) for m in METHODS]
            found += [
                _of(scale, arm(m.form, size, share), where, m, m.at(size), share)
                for m in SWEPT
                for size in m.sizes
                for share in SHARES
            ]
            found += [
                on_demo(scale, arm(FULL, None, share), data, seed, ALL_WEIGHTS, _FULL_RATE, share)
                for share in SHARES
            ]
    return found


def _of(
    scale: AblationScale,
    name: str,
    where: tuple[str, int],
    method: Sized,
    settings: Mapping[str, Any],
    share: float,
) -> AblationRun:
    data, seed = where
    return on_demo(scale, name, data, seed, adapter(method.form, settings), method.rate, share)


def summarise(scale: AblationScale, taken: Sequence[AblationRun], found: Found) -> Summary:
    """Return quality by method, by depth, by size and by share, and what each costs."""
    panels: list[Panel] = []
    for data in DATA:
        panels.append(_by_depth(taken, found, data))
        panels.append(_by_size(taken, found, data))
        panels.append(_by_share(taken, found, data))
    panels += [_costs(taken, found, EASY, what) for what in ("steps", "serving", "bytes")]
    claims = [claim for data in DATA for claim in _claims(taken, found, data)]
    notes = (
        "learning rates are ours, by the kind of method; they were not searched",
        "serving: one adapter for the batch, torch; LoRA merged and AdaLink folded cost nothing",
        *_table(taken, found),
    )
    return Summary(panels, claims, _bars(taken, found), notes)


def quality(
    taken: Sequence[AblationRun], found: Found, name: str, data: str, depth: int
) -> list[float]:
    """Return the points of an arm at a depth, by seed."""
    chosen = by_seed(taken, name, data)
    return [points(run, found, depth, TASK_OF[data]) for run in chosen]


def _by_depth(taken: Sequence[AblationRun], found: Found, data: str) -> Panel:
    depths = tuple(range(1, DEPTHS + 1))

    def line(name: str, *, dashed: bool = False) -> Line:
        each = tuple(estimate(quality(taken, found, name, data, depth)) for depth in depths)
        return Line(name, depths, each, dashed)

    lines = (*(line(arm(m.form)) for m in SWEPT), line(FULL, dashed=True))
    return Panel(f"{data}: depth", "orders executed", _measure(data), lines)


def _by_size(taken: Sequence[AblationRun], found: Found, data: str) -> Panel:
    lines = []
    for m in SWEPT:
        sized = [arm(m.form, size) for size in m.sizes]
        numbers = tuple(
            found[by_seed(taken, name, data)[0].key]["tuned_parameters"] / 1e3 for name in sized
        )
        each = tuple(estimate(quality(taken, found, name, data, DEPTHS)) for name in sized)
        lines.append(Line(m.form, numbers, each))
    return Panel(
        f"{data}: size", "tuned parameters, thousands", _measure(data), tuple(lines), log=True
    )


def _by_share(taken: Sequence[AblationRun], found: Found, data: str) -> Panel:
    def line(form: str, size: int | None, *, dashed: bool = False) -> Line:
        each = (quality(taken, found, arm(form, size, s), data, DEPTHS) for s in SHARES)
        return Line(form, SHARES, tuple(map(estimate, each)), dashed)

    lines = (*(line(m.form, m.sizes[1]) for m in SWEPT), line(FULL, None, dashed=True))
    return Panel(f"{data}: share of the data", "share of the pictures", _measure(data), lines)


def _measure(data: str) -> str:
    return "quality, points" if data == EASY else "BLEU@4, points"


def _costs(taken: Sequence[AblationRun], found: Found, data: str, what: str) -> Panel:
    """Return a cost of every method at its usual size."""
    chosen = {m.form: [found[r.key] for r in by_seed(taken, arm(m.form), data)] for m in METHODS}
    full_s = fmean(found[run.key]["step_cpu_s"] for run in by_seed(taken, FULL, data))
    of: Mapping[str, Callable[[Mapping[str, Any]], float]] = {
        "steps": lambda one: one["step_cpu_s"] / full_s,
        "serving": lambda one: one["serving"][1],
        "bytes": lambda one: one["adapter_bytes"] / 1e3,
    }
    title, up = _COSTS[what]
    each = tuple(estimate([of[what](one) for one in several]) for several in chosen.values())
    places = tuple(map(float, range(len(METHODS))))
    return Panel(title, "", up, (Line("", places, each),), names=tuple(chosen))


def _claims(taken: Sequence[AblationRun], found: Found, data: str) -> list[Claim]:
    """Return the study's sentences on size, on data, and on kinds of methods."""
    consistent = data == CAPTIONS

    def mean_gain(high: Sequence[str], low: Sequence[str]) -> Estimate:
        gains = [
            difference(*(quality(taken, found, name, data, DEPTHS) for name in pair)).values
            for pair in zip(high, low, strict=True)
        ]
        return estimate([fmean(each) for each in zip(*gains, strict=True)])

    most = [arm(m.form, m.sizes[1]) for m in SWEPT]
    least = [arm(m.form, m.sizes[1], SHARES[0]) for m in SWEPT]
    largest, smallest = ([arm(m.form, m.sizes[at]) for m in SWEPT] for at in (-1, 0))
    layers = [arm(form) for form in ("lora", "serial")]
    inputs = [arm(form) for form in ("prompt", "prefix")]
    more_data = "no gain from data where it is consistent" if consistent else "more data, better"
    more_size = "an optimal size, not the largest" if consistent else "more parameters, better"
    about_gain = partial(Claim, bound=1.0, below=True) if consistent else Claim
    return [
        about_gain(f"{data}: all data over a tenth", more_data, mean_gain(most, least)),
        about_gain(f"{data}: largest size over smallest", more_size, mean_gain(largest, smallest)),
        Claim(
            f"{data}: LoRA and serial over prompt and prefix",
            "layer composition is better",
            mean_gain(layers, inputs),
        ),
    ]


def _bars(taken: Sequence[AblationRun], found: Found) -> list[Bar]:
    """Return the bar on the best small method, at its worst depth from half up."""
    small = [m.form for m in METHODS if _share(taken, found, m.form) <= _MOST_SHARE]
    if not small:
        said = f"no method tunes at most {_MOST_SHARE:.0%}"
        return [Bar("ablate.adapters.below-all-weights", None, _BELOW, True, said)]
    worst = {}
    for form in small:
        each = [
            difference(*(quality(taken, found, name, EASY, d) for name in (arm(form), FULL)))
            for d in range(DEPTHS // 2, DEPTHS + 1)
        ]
        worst[form] = min(each, key=lambda found: found.mean)
    best = max(worst, key=lambda form: worst[form].mean)
    ranked = sorted(worst, key=lambda form: -worst[form].mean)
    place = f"{best}; AdaLink is {ranked.index('adalink') + 1} of {len(ranked)}"
    spread = place if "adalink" in ranked else best
    name = "ablate.adapters.below-all-weights"
    return [bar_of(name, worst[best], _BELOW, at_least=True, spread=spread)]


def _share(taken: Sequence[AblationRun], found: Found, form: str) -> float:
    of_form = found[by_seed(taken, arm(form), EASY)[0].key]
    whole: int = found[by_seed(taken, FULL, EASY)[0].key]["parameters"]
    share: float = of_form["tuned_parameters"] / whole
    return share


def _table(taken: Sequence[AblationRun], found: Found) -> list[str]:
    """Return a line for each method at its usual size."""
    lines = []
    for m in METHODS:
        at = found[by_seed(taken, arm(m.form), EASY)[0].key]
        lines.append(
            f"{m.form}: {at['tuned_parameters']:,} parameters "
            f"({_share(taken, found, m.form):.1%}), {at['adapter_bytes'] / 1e3:.0f} kB, "
            f"step {1e3 * at['step_cpu_s']:.0f} ms, pass {at['serving'][1]:.2f} of the base's"
        )
    return lines


ADAPTERS = Ablation(
    "adapters",
    "Few parameters beside all weights (PEFT study, figures 3-5)",
    "Which adapter, how large, with how much data?",
    runs,
    summarise,
)
