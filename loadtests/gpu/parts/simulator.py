"""The simulator's sixteen loads, with what stages cost on this device in place of assumed costs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from typing import Any

from loadtests.gpu.scheduling.costs import world
from loadtests.gpu.suite.deadlines import TimeLimit
from loadtests.gpu.suite.rig import NotRun, Rig
from loadtests.simulate.arrivals import gamma_arrivals
from loadtests.simulate.bars import by_point, one_key_bars
from loadtests.simulate.study import STANDARD, Point, Result, compare
from loadtests.simulate.world import SimulatedDevice

SECONDS = (20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1)
"""Simulated time of a run: the longest that fits."""

SEEDS = (200, 201, 202)


def run(rig: Rig) -> None:
    """Simulate every policy at the sixteen loads, and at the same loads relative to this device.

    Finds by study (`as_is`: the standard rates and budgets; `relative`: rates times this device's
    capacity over the assumed one's, budgets times its time for a full batch over the assumed):
    effective accuracy by load and policy, the three bars, seeds and simulated seconds.

    Raises:
        NotRun: the steps part has no costs to simulate with.
    """
    forms = {form: rig.said("steps", form, {}).get("stages") for form in ("compiled", "plain")}
    form = next((name for name, stages in forms.items() if stages), None)
    if form is None:
        raise NotRun("the steps part measured no costs; run it as well (--only steps,simulator)")
    measured = forms[form]
    lines = {k: (v["fixed_us"] * 1e-6, v["row_us"] * 1e-6) for k, v in measured.items()}
    here = world(rig.size.depths, rig.size.peak_batch, lines)
    rig.note("costs_from", form)
    studies = {"as_is": STANDARD, "relative": relative(here)}
    for left, (name, points) in zip((2, 1), studies.items(), strict=True):
        longest_s = rig.size.simulated_s
        for found in study(here, points, longest_s, rig.deadline.part(1 / left)):
            rig.note(name, found)


def relative(here: SimulatedDevice) -> tuple[Point, ...]:
    """Return the sixteen loads at the same share of the device's capacity as in the standard."""
    assumed = SimulatedDevice()
    slower = _full_s(here) / _full_s(assumed)
    busier = (here.max_batch / _full_s(here)) / (assumed.max_batch / _full_s(assumed))
    return tuple(Point(p.budget_ms * slower, p.rate_hz * busier, p.cv2) for p in STANDARD)


def _full_s(of: SimulatedDevice) -> float:
    return of.service_s(of.depths[-1], of.max_batch)


def study(
    here: SimulatedDevice, points: Sequence[Point], longest_s: float, deadline: TimeLimit
) -> Iterator[dict[str, Any]]:
    """Simulate seed by seed while there is time, and yield what is known after each.

    How long a run is comes from a first short one.
    """
    jobs = max(len(os.sched_getaffinity(0)), 1)
    speed = _speed(here, points)
    most_s = deadline.left_s * 0.7 * jobs / (speed * len(points))
    seconds = next((s for s in SECONDS if s <= min(most_s, longest_s)), SECONDS[-1])
    results: list[Result] = []
    seeds: list[int] = []
    with ProcessPoolExecutor(jobs) as pool:
        for seed in SEEDS:
            begun_s = time.monotonic()
            work = [pool.submit(one, point, here, seconds, seed) for point in points]
            results += _all(work)
            seeds.append(seed)
            yield _record(results, here, seconds, seeds)
            if deadline.over(time.monotonic() - begun_s):
                break


def _all(work: Sequence[Future[Result]]) -> list[Result]:
    return [done.result() for done in work]


def _speed(here: SimulatedDevice, points: Sequence[Point]) -> float:
    """Return seconds of work for one simulated second, at the busiest load."""
    busiest = max(points, key=lambda point: point.rate_hz)
    short_s = min(0.25, 400 / busiest.rate_hz)
    begun_s = time.monotonic()
    one(busiest, here, short_s, SEEDS[0])
    return (time.monotonic() - begun_s) / short_s


def one(point: Point, here: SimulatedDevice, seconds: float, seed: int) -> Result:
    """Simulate every policy at one load, without the bound (a linear program of minutes)."""
    arrivals = gamma_arrivals(point.rate_hz, seconds, point.cv2, seed)
    return compare(point.name, arrivals, point.budget_ms / 1e3, here, seed, bound=False)


def _record(
    results: Sequence[Result], here: SimulatedDevice, seconds: float, seeds: Sequence[int]
) -> dict[str, Any]:
    loads = {}
    for name, found in by_point(results).items():
        policies = [outcome.policy for outcome in found[0].outcomes]
        loads[name] = {
            policy: round(sum(r.of(policy).effective for r in found) / len(found), 3)
            for policy in policies
        }
    bars = [replace(bar, name=f"gpu.{bar.name}") for bar in one_key_bars(results, here)]
    return {
        "seconds": seconds,
        "seeds": list(seeds),
        "loads": loads,
        "bars": [bar.record() for bar in bars],
    }
