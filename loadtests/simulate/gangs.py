"""Rivals that form a gang, choose one depth for it and run it to its end (SlackFit and others).

All serve the earliest deadline first, drop what cannot finish even alone at their smallest depth,
and count an answer only if it is on time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from loadtests.simulate.disturbance import CallFactors
from loadtests.simulate.world import SimulatedDevice, SimulatedOutcome

Rule = Callable[[float, int], tuple[int, int]]
"""(slack of the most urgent in seconds, requests waiting) -> (batch, index of the depth)."""


def slackfit(world: SimulatedDevice, buckets: int = 32) -> Rule:
    """SuperServe's SlackFit: `buckets` evenly spaced latencies, each with its largest batch.

    Buckets run from the smallest variant at batch 1 to the largest at `max_batch`; each holds the
    pair with the largest batch (then the best quality) within its latency. The slack of the most
    urgent request picks the bucket just below it; how many wait is not looked at (NSDI'25, 4.2).
    """
    pairs = _pairs(world, world.max_batch)
    low, high = (
        world.service_s(world.depths[0], 1),
        world.service_s(world.depths[-1], world.max_batch),
    )
    bounds = [low + (high - low) * k / (buckets - 1) for k in range(buckets)]
    table = [max(p[1:] for p in pairs if p[0] <= bound + 1e-12) for bound in bounds]

    def rule(slack_s: float, waiting: int) -> tuple[int, int]:
        share = (slack_s - low) / (high - low) * (buckets - 1)
        batch, depth = table[min(max(int(share + 1e-9), 0), buckets - 1)]
        return min(batch, waiting), depth

    return rule


def fixed(world: SimulatedDevice, depth: int) -> Rule:
    """One variant for every request (an index into `depths`); the largest batch in time."""

    def rule(slack_s: float, waiting: int) -> tuple[int, int]:
        for batch in range(min(waiting, world.max_batch), 1, -1):
            if world.service_s(world.depths[depth], batch) <= slack_s:
                return batch, depth
        return 1, depth

    return rule


def largest_batch(world: SimulatedDevice) -> Rule:
    """The largest batch of the waiting requests that is in time; then the best quality in time."""
    return _best_pair(world, lambda batch, depth: (batch, depth))


def most_accurate(world: SimulatedDevice) -> Rule:
    """The best quality that is in time; then the largest batch."""
    return _best_pair(world, lambda batch, depth: (depth, batch))


def _best_pair(world: SimulatedDevice, key: Callable[[int, int], tuple[int, int]]) -> Rule:
    pairs = _pairs(world, world.max_batch)

    def rule(slack_s: float, waiting: int) -> tuple[int, int]:
        found = [p[1:] for p in pairs if p[1] <= waiting and p[0] <= slack_s + 1e-12]
        return max(found, key=lambda pair: key(*pair), default=(1, 0))

    return rule


def _pairs(world: SimulatedDevice, most: int) -> list[tuple[float, int, int]]:
    return [
        (world.service_s(depth, batch), batch, index)
        for batch in range(1, most + 1)
        for index, depth in enumerate(world.depths)
    ]


def run_gangs(
    policy: str,
    rule: Rule,
    smallest: int,
    arrivals: Sequence[float],
    budget_s: float,
    world: SimulatedDevice,
    seed: int = 0,
) -> SimulatedOutcome:
    """Simulate one gang policy; `smallest` is the index of the least depth it may use."""
    factors = CallFactors(world.disturbance, seed)
    least_s = world.service_s(world.depths[smallest], 1)
    waiting: list[float] = []
    now, after, on_time, points = 0.0, 0, 0, 0.0
    while after < len(arrivals) or waiting:
        now = now if waiting else max(now, arrivals[after])
        while after < len(arrivals) and arrivals[after] <= now:
            waiting.append(arrivals[after] + budget_s)
            after += 1
        waiting = [deadline for deadline in waiting if deadline - now >= least_s - 1e-12]
        if not waiting:
            continue
        batch, depth = rule(waiting[0] - now, len(waiting))
        for mean_s in world.calls_s(world.depths[depth], batch):
            now += mean_s * factors.next(now)
        met = sum(deadline >= now - 1e-9 for deadline in waiting[:batch])
        del waiting[:batch]
        on_time += met
        points += met * world.quality[depth]
    offered = max(len(arrivals), 1)
    return SimulatedOutcome(policy, len(arrivals), on_time / offered, points / offered)
