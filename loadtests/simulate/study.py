"""Every policy on the same arrivals, at one point of load or at the sixteen of the standard set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from engine.elastic.decide import decide
from loadtests.simulate.arrivals import gamma_arrivals
from loadtests.simulate.bound import fluid_bound
from loadtests.simulate.gangs import fixed, largest_batch, most_accurate, run_gangs, slackfit
from loadtests.simulate.lockstep import Lockstep
from loadtests.simulate.machine import Decide, Machine
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


def stepwise(arrivals: Sequence[float], budget_s: float, world: World, seed: int) -> list[Outcome]:
    """Simulate the policies that decide at every step: ours and lock-step gangs."""
    policies: dict[str, Decide] = {ELASTIC: decide}
    policies |= {name: Lockstep(int(name.removeprefix("gangs-"))) for name in LOCKSTEP}
    return [
        Machine(world, policy, seed=seed).run(name, arrivals, budget_s)
        for name, policy in policies.items()
    ]


def compare(
    point: str, arrivals: Sequence[float], budget_s: float, world: World, seed: int
) -> Result:
    """Simulate every policy on the same arrivals; noise is drawn alike from `seed`."""
    outcomes = stepwise(arrivals, budget_s, world, seed)
    rules = [(SLACKFIT, slackfit(world), 0), ("largest batch", largest_batch(world), 0)]
    rules.append(("most accurate", most_accurate(world), 0))
    rules += [(fixed_name(world, k), fixed(world, k), k) for k in range(len(world.depths))]
    for name, rule, least in rules:
        outcomes.append(run_gangs(name, rule, least, arrivals, budget_s, world, seed))
    return Result(point, seed, tuple(outcomes), fluid_bound(arrivals, budget_s, world))


@dataclass(frozen=True)
class Task:
    """One point and seed to simulate; `everybody`: all rivals and the bound, else gangs alone."""

    world: World
    point: Point
    seed: int
    duration_s: float
    everybody: bool

    def run(self) -> Result:
        """Return every policy's outcome on the same arrivals."""
        point, world, seed = self.point, self.world, self.seed
        arrivals = gamma_arrivals(point.rate_hz, self.duration_s, point.cv2, seed)
        budget_s = point.budget_ms / 1e3
        if self.everybody:
            return compare(point.name, arrivals, budget_s, world, seed)
        return Result(point.name, seed, tuple(stepwise(arrivals, budget_s, world, seed)), None)


def standard_study(
    world: World,
    seeds: Sequence[int],
    duration_s: float,
    jobs: int,
    progress: Progress,
    *,
    everybody: bool,
) -> list[Result]:
    """Return the sixteen standard points, once per seed, in `jobs` processes."""
    tasks = [Task(world, point, s, duration_s, everybody) for point in STANDARD for s in seeds]
    results = []
    with ProcessPoolExecutor(jobs) as pool:
        for result in pool.map(Task.run, tasks):
            results.append(result)
            progress(f"{world.keys} keys, {result.point}, seed {result.seed}")
    return results
