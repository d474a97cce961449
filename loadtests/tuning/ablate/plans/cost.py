"""What a step of once-tuning costs: time and memory beside plain fine-tuning (supplement, table 2).

Times are those of `otmv bench tuning`: the same steps, the same bar.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from loadtests.kit.bars import Bar
from loadtests.kit.pairs import Pairs
from loadtests.kit.quartiles import quartiles
from loadtests.tuning.ablate.plans.contract import Ablation
from loadtests.tuning.ablate.run import AblationRun, Found
from loadtests.tuning.ablate.scale import AblationScale
from loadtests.tuning.ablate.statistics import Estimate, estimate
from loadtests.tuning.ablate.summary import Claim, Line, Panel, Summary
from loadtests.tuning.suite import MODULE, MOST, TuningBench, bars_of

_TIMES = "steps in turns"
_SIDES = {"full": "plain", "otmv": "once", "open": "once, every gate open"}
_PAPER = 1.02
_SAID = "1.02 times full fine-tuning, BEiT-3 base and large (table 2)"


def bench_of(scale: AblationScale) -> TuningBench:
    """Return the shape that is measured: that of `otmv bench tuning`, or of a quick look."""
    usual = TuningBench(rounds=scale.step_rounds, device="cpu")
    if not scale.quick:
        return usual
    return dataclasses.replace(
        usual,
        orders=scale.orders,
        keys=scale.keys,
        width=scale.width,
        heads=scale.heads,
        image_size=64,
    )


def runs(scale: AblationScale) -> list[AblationRun]:
    """Return the times of all sides in turns, and each side alone, for its memory."""
    settings = bench_of(scale).settings()
    alone = {**settings, "rounds": 1}
    return [
        _run(_TIMES, settings),
        *(_run(_alone(side), {**alone, "sides": [side]}) for side in _SIDES),
    ]


def _alone(side: str) -> str:
    return f"memory, {_SIDES[side]}"


def _run(arm: str, settings: dict[str, Any]) -> AblationRun:
    return AblationRun(arm, "random data", settings["seed"], settings, MODULE, alone=True)


def summarise(scale: AblationScale, taken: Sequence[AblationRun], found: Found) -> Summary:
    """Return time and memory of each side over plain fine-tuning's."""
    del scale
    by_arm = {run.arm: dict(found[run.key]) for run in taken}
    times, held = by_arm[_TIMES], {side: by_arm[_alone(side)]["memory_mb"] for side in _SIDES}
    ours = [side for side in _SIDES if side != "full"]
    names = tuple(_SIDES[side] for side in ours)
    places = tuple(map(float, range(len(ours))))
    ratios = tuple(_ratio(times, side) for side in ours)
    marks = (_PAPER, *(None for _ in ours[1:]))
    memory = tuple(estimate([held[side] / held["full"]]) for side in ours)
    panels = (
        Panel(
            "time of a step", "", "over plain", (Line("ours", places, ratios, marks=marks),), names
        ),
        Panel("memory of tuning", "", "over plain", (Line("ours", places, memory),), names),
    )
    claim = Claim(
        "a step of once-tuning over a plain one", _SAID, ratios[0], "times", MOST, below=True
    )
    bars: list[Bar] = bars_of(times)
    megabytes = ", ".join(f"{_SIDES[side]} {held[side]:,.0f} MB" for side in _SIDES)
    notes = (
        f"memory that tuning takes beside the program itself: {megabytes}",
        "times: median and quartiles of pairs; once has half the key blocks, so it holds less",
    )
    return Summary(panels, (claim,), bars, notes)


def _ratio(times: dict[str, Any], side: str) -> Estimate:
    pairs = Pairs(tuple(times["step_s"][side]), tuple(times["step_s"]["full"]))
    low, middle, high = quartiles(pairs.ratios)
    return Estimate(middle, low, high, pairs.ratios)


COST = Ablation(
    "cost",
    "Cost of a tuning step over plain fine-tuning's (supplement, table 2)",
    "What do gates and shared keys cost while tuning?",
    runs,
    summarise,
)
