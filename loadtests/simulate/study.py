"""Every policy on the same arrivals, at one point of load or at the sixteen of the standard set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.elastic.decide import decide
from loadtests.simulate.arrivals import gamma_arrivals
from loadtests.simulate.bound import fluid_bound
from loadtests.simulate.gangs import fixed, largest_batch, most_accurate, run_gangs, slackfit
from loadtests.simulate.lockstep import Lockstep
from loadtests.simulate.machine import Machine
from loadtests.simulate.world import Outcome, World

ELASTIC = "elastic"
SLACKFIT = "slackfit"
FIXED = "fixed"
LOCKSTEP = ("gangs-8", "gangs-16")
"""Lock-step gangs at the two thresholds that came out best in a sweep over 1, 4, 8, 16, 99."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Point:
    """One load: a latency budget, a mean rate, and how bursty arrivals are (gamma CV²)."""

    budget_ms: float
    rate_hz: float
    cv2: float

    @property
    def name(self) -> str:
        """A short label."""
        return f"{self.budget_ms:g} ms, {self.rate_hz:g}/s, CV² {self.cv2:g}"


STANDARD = tuple(
    Point(budget_ms, rate_hz, cv2)
    for budget_ms in (15.0, 36.0)
    for cv2 in (1.0, 8.0)
    for rate_hz in (300.0, 500.0, 800.0, 1100.0)
)


@dataclass(frozen=True)
class Result:
    """All policies at one point and seed; `bound` of effective accuracy, if it was computed."""

    point: str
    seed: int
    outcomes: tuple[Outcome, ...]
    bound: float | None

    def of(self, policy: str) -> Outcome:
        """Return one policy's outcome.

        Raises:
            StopIteration: if it was not simulated.
        """
        return next(outcome for outcome in self.outcomes if outcome.policy == policy)


def fixed_name(world: World, index: int) -> str:
    """Return the policy name of one fixed variant."""
    return f"{FIXED} d{world.depths[index]}"


def compare(
    point: str, arrivals: Sequence[float], budget_s: float, world: World, seed: int
) -> Result:
    """Simulate every policy on the same arrivals; noise is drawn alike from `seed`."""
    outcomes = [Machine(world, decide, seed=seed).run(ELASTIC, arrivals, budget_s)]
    for name in LOCKSTEP:
        rival = Lockstep(int(name.removeprefix("gangs-")))
        outcomes.append(Machine(world, rival, seed=seed).run(name, arrivals, budget_s))
    rules = [(SLACKFIT, slackfit(world), 0), ("largest batch", largest_batch(world), 0)]
    rules.append(("most accurate", most_accurate(world), 0))
    rules += [(fixed_name(world, k), fixed(world, k), k) for k in range(len(world.depths))]
    for name, rule, least in rules:
        outcomes.append(run_gangs(name, rule, least, arrivals, budget_s, world, seed))
    return Result(point, seed, tuple(outcomes), fluid_bound(arrivals, budget_s, world))


def standard_study(
    world: World, seeds: Sequence[int], duration_s: float, progress: Progress
) -> list[Result]:
    """Return every policy at the sixteen standard points, once per seed."""
    results = []
    for point in STANDARD:
        progress(f"{point.name}, {world.keys} keys")
        for seed in seeds:
            arrivals = gamma_arrivals(point.rate_hz, duration_s, point.cv2, seed)
            results.append(compare(point.name, arrivals, point.budget_ms / 1e3, world, seed))
    return results


def keys_study(
    world: World, keys: int, seeds: Sequence[int], duration_s: float, progress: Progress
) -> list[Result]:
    """Return elastic and lock-step gangs at the standard points with `keys` keys."""
    world = replace(world, keys=keys)
    results = []
    for point in STANDARD:
        progress(f"{point.name}, {keys} keys")
        for seed in seeds:
            arrivals = gamma_arrivals(point.rate_hz, duration_s, point.cv2, seed)
            budget_s = point.budget_ms / 1e3
            outcomes = [Machine(world, decide, seed=seed).run(ELASTIC, arrivals, budget_s)]
            for name in LOCKSTEP:
                rival = Lockstep(int(name.removeprefix("gangs-")))
                outcomes.append(Machine(world, rival, seed=seed).run(name, arrivals, budget_s))
            results.append(Result(point.name, seed, tuple(outcomes), None))
    return results
