"""Every policy on the same arrivals, at one point of load or at the sixteen of the standard set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

from engine.elastic.decide import decide
from engine.requests.policy import STRICT_CHANCE
from loadtests.simulate.arrivals import gamma_arrivals
from loadtests.simulate.bound import fluid_bound
from loadtests.simulate.disturbance import QUIET
from loadtests.simulate.gangs import fixed, largest_batch, most_accurate, run_gangs, slackfit
from loadtests.simulate.lockstep import Lockstep
from loadtests.simulate.machine import Decide, Machine
from loadtests.simulate.world import SimulatedDevice, SimulatedOutcome

ELASTIC = "elastic"
STRICT = "elastic-strict"
"""Ours, where a row with an answer goes deeper only with a chance of 0.99 to be on time."""
SLACKFIT = "slackfit"
FIXED = "fixed"
EAGER = (8, 16)
"""Thresholds of lock-step gangs: best of `SWEEP` at 15 and 36 ms (results/gang_sweep.json)."""
LOCKSTEP = tuple(f"gangs-{count}" for count in EAGER)
SWEEP = (1, 4, 8, 16, 99)

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
    outcomes: tuple[SimulatedOutcome, ...]
    bound: float | None

    def of(self, policy: str) -> SimulatedOutcome:
        """Return one policy's outcome.

        Raises:
            StopIteration: if it was not simulated.
        """
        return next(outcome for outcome in self.outcomes if outcome.policy == policy)


def fixed_name(world: SimulatedDevice, index: int) -> str:
    """Return the policy name of one fixed variant."""
    return f"{FIXED} d{world.depths[index]}"


def gangs_name(eager: int) -> str:
    """Return the policy name of lock-step gangs at one threshold."""
    return f"gangs-{eager}"


def stepwise(
    arrivals: Sequence[float],
    budget_s: float,
    world: SimulatedDevice,
    seed: int,
    eager: Sequence[int] = (),
    *,
    ours: bool = True,
) -> list[SimulatedOutcome]:
    """Simulate policies that decide at every step: ours, and gangs at the thresholds `eager`."""
    policies: dict[str, Decide] = {ELASTIC: decide} if ours else {}
    policies |= {gangs_name(count): Lockstep(count) for count in eager}
    return [
        Machine(world, policy, seed=seed).run(name, arrivals, budget_s)
        for name, policy in policies.items()
    ]


def compare(
    point: str,
    arrivals: Sequence[float],
    budget_s: float,
    world: SimulatedDevice,
    seed: int,
    *,
    bound: bool = True,
) -> Result:
    """Simulate every policy on the same arrivals; noise is drawn alike from `seed`."""
    outcomes = stepwise(arrivals, budget_s, world, seed, EAGER)
    if world.disturbance != QUIET:
        strict = Machine(world, decide, seed=seed, least_chance=STRICT_CHANCE)
        outcomes.append(strict.run(STRICT, arrivals, budget_s))
    rules = [(SLACKFIT, slackfit(world), 0), ("largest batch", largest_batch(world), 0)]
    rules.append(("most accurate", most_accurate(world), 0))
    rules += [(fixed_name(world, k), fixed(world, k), k) for k in range(len(world.depths))]
    for name, rule, least in rules:
        outcomes.append(run_gangs(name, rule, least, arrivals, budget_s, world, seed))
    limit = fluid_bound(arrivals, budget_s, world) if bound else None
    return Result(point, seed, tuple(outcomes), limit)


Policies = Literal["all", "rivals", "ours", "sweep"]
"""All rivals and the bound, all rivals, ours alone, or gangs at every threshold of `SWEEP`."""


@dataclass(frozen=True)
class SimulatedRun:
    """One point and seed to simulate."""

    world: SimulatedDevice
    point: Point
    seed: int
    duration_s: float
    policies: Policies

    def run(self) -> Result:
        """Return the outcomes on the same arrivals."""
        point, world, seed = self.point, self.world, self.seed
        arrivals = gamma_arrivals(point.rate_hz, self.duration_s, point.cv2, seed)
        budget_s = point.budget_ms / 1e3
        if self.policies in ("all", "rivals"):
            bound = self.policies == "all"
            return compare(point.name, arrivals, budget_s, world, seed, bound=bound)
        eager = SWEEP if self.policies == "sweep" else ()
        outcomes = stepwise(arrivals, budget_s, world, seed, eager, ours=self.policies == "ours")
        return Result(point.name, seed, tuple(outcomes), None)


def standard_study(
    world: SimulatedDevice,
    seeds: Sequence[int],
    duration_s: float,
    jobs: int,
    progress: Progress,
    policies: Policies,
) -> list[Result]:
    """Return the sixteen standard points, once per seed, in `jobs` processes."""
    tasks = [
        SimulatedRun(world, point, s, duration_s, policies) for point in STANDARD for s in seeds
    ]
    results = []
    with ProcessPoolExecutor(jobs) as pool:
        for result in pool.map(SimulatedRun.run, tasks):
            results.append(result)
            progress(f"{world.keys} keys, {result.point}, seed {result.seed}")
    return results


def with_gangs(results: Sequence[Result], one_key: Sequence[Result]) -> list[Result]:
    """Return `results` with the gangs' outcomes of the one-key study, point by point.

    All rows of a gang always need the same stage, so gangs do alike whatever the keys.
    """
    return [
        replace(ours, outcomes=(*ours.outcomes, *(theirs.of(name) for name in LOCKSTEP)))
        for ours, theirs in zip(results, one_key, strict=True)
    ]
