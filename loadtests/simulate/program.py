"""What `otmv simulate` does: the standard bars, or one load."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.kit.bars import Bar
from loadtests.simulate.arrivals import gamma_arrivals, ramp_arrivals, trace_arrivals
from loadtests.simulate.bars import (
    coverage_bars,
    disturbed_bar,
    keys_bar,
    one_key_bars,
    overhead_bar,
)
from loadtests.simulate.disturbance import Disturbance
from loadtests.simulate.study import (
    Policies,
    Progress,
    Result,
    compare,
    standard_study,
    with_gangs,
)
from loadtests.simulate.world import SimulatedDevice

NOISE = 0.2
"""Deviation of log step time in the study of predictions: a p90 of 1.27 times the mean."""

HEAD = (0.1e-3, 0.02e-3)
"""What a head costs in the studies of disturbed devices: seconds (fixed, per row)."""

DISTURBED = {
    "heavy tails": Disturbance(tail_share=0.05),
    "slow clock": Disturbance(clock=0.6),
    "competing load": Disturbance(load_factor=2.0),
}
"""One call in twenty takes ten times as long; 0.6 of the clock for 10 s; a load that halves it."""

Studies = dict[str, list[Result]]


@dataclass(frozen=True)
class Load:
    """One load: a trace file, a ramp (`to_hz`), or gamma gaps of CV² `cv2`."""

    rate_hz: float
    seconds: float
    cv2: float = 1.0
    to_hz: float | None = None
    trace: Path | None = None

    @property
    def name(self) -> str:
        """A short label."""
        if self.trace is not None:
            return self.trace.name
        ramp = "" if self.to_hz is None else f" to {self.to_hz:g}"
        return f"{self.rate_hz:g}{ramp}/s, CV² {self.cv2:g}"

    def arrivals(self, seed: int) -> list[float]:
        """Return arrival times in seconds.

        Raises:
            TraceError: the trace file cannot be used.
        """
        if self.trace is not None:
            return trace_arrivals(self.trace, self.seconds)
        if self.to_hz is not None:
            return ramp_arrivals(self.rate_hz, self.to_hz, self.seconds, seed)
        return gamma_arrivals(self.rate_hz, self.seconds, self.cv2, seed)


def run_load(
    world: SimulatedDevice, load: Load, budget_ms: float, seeds: Sequence[int], progress: Progress
) -> Studies:
    """Return every policy on one load, once per seed."""
    results = []
    for seed in seeds:
        progress(f"{load.name}, seed {seed}")
        results.append(compare(load.name, load.arrivals(seed), budget_ms / 1e3, world, seed))
    return {load.name: results}


def run_standard(
    seeds: Sequence[int], seconds: float, jobs: int, progress: Progress
) -> tuple[Studies, list[Bar], dict[str, float]]:
    """Return the studies behind the bars, the bars, and the seconds each part took.

    `jobs` processes share the work.
    """
    world = SimulatedDevice()
    studies: Studies = {}
    took_s: dict[str, float] = {}
    worlds = {
        "1 key": world,
        "2 keys": SimulatedDevice(keys=2),
        "12 keys": SimulatedDevice(keys=12),
    }
    for name, each in {
        **worlds,
        "1 key, noise": SimulatedDevice(disturbance=Disturbance(noise=NOISE)),
    }.items():
        begun = time.monotonic()
        policies: Policies = "all" if each == world else "ours"
        studies[name] = standard_study(each, seeds, seconds, jobs, progress, policies)
        took_s[name] = round(time.monotonic() - begun, 1)
    for name, disturbance in DISTURBED.items():
        begun = time.monotonic()
        each = SimulatedDevice(head=HEAD, disturbance=disturbance)
        studies[name] = standard_study(each, seeds, seconds, jobs, progress, "rivals")
        took_s[name] = round(time.monotonic() - begun, 1)
    for name in ("2 keys", "12 keys"):
        studies[name] = with_gangs(studies[name], studies["1 key"])
    bars = [
        *one_key_bars(studies["1 key"], world),
        keys_bar(studies["2 keys"], 2),
        keys_bar(studies["12 keys"], 12),
        *coverage_bars(studies["1 key, noise"]),
        *(disturbed_bar(name, studies[name]) for name in DISTURBED),
        overhead_bar(),
    ]
    return studies, bars, took_s


def run_sweep(seeds: Sequence[int], seconds: float, jobs: int, progress: Progress) -> Studies:
    """Return lock-step gangs at every threshold, on the sixteen loads."""
    return {"gangs": standard_study(SimulatedDevice(), seeds, seconds, jobs, progress, "sweep")}
