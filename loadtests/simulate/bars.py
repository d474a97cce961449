"""The bars of the simulator: what was promised, what was measured, ok or short."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from loadtests.kit.bars import Bar
from loadtests.simulate.overhead import rounds_us
from loadtests.simulate.study import ELASTIC, LOCKSTEP, SLACKFIT, STRICT, Result, fixed_name
from loadtests.simulate.world import SimulatedDevice


def mean_effective(results: Iterable[Result], policy: str) -> float:
    """Return mean effective accuracy over points and seeds."""
    return statistics.fmean(result.of(policy).effective for result in results)


def by_point(results: Iterable[Result]) -> dict[str, list[Result]]:
    """Return the results of each point, over its seeds."""
    points: dict[str, list[Result]] = {}
    for result in results:
        points.setdefault(result.point, []).append(result)
    return points


def one_key_bars(results: Sequence[Result], world: SimulatedDevice) -> list[Bar]:
    """Return the bars of the standard study with one key."""
    ours = mean_effective(results, ELASTIC)
    best_fixed = max(
        mean_effective(results, fixed_name(world, k)) for k in range(len(world.depths))
    )
    leads = []
    for seeds in by_point(results).values():
        rivals = [outcome.policy for outcome in seeds[0].outcomes if outcome.policy != ELASTIC]
        best = max(mean_effective(seeds, rival) for rival in rivals)
        leads.append(mean_effective(seeds, ELASTIC) - best)
    spread = f"mean {statistics.fmean(leads):+.2f}, best {max(leads):+.2f}"
    over_slackfit = ours - mean_effective(results, SLACKFIT)
    return [
        Bar("simulate.1key.worst-point-minus-best-rival", min(leads), -0.3, True, spread),
        Bar("simulate.1key.mean-minus-slackfit", over_slackfit, 2.5, True, f"ours {ours:.2f}"),
        Bar("simulate.1key.mean-minus-best-fixed", ours - best_fixed, 5.0, True),
    ]


def gap_share(results: Sequence[Result]) -> float | None:
    """Return the share of SlackFit's distance to the bound that we close; None without a bound."""
    bounds = [result.bound for result in results if result.bound is not None]
    if not bounds:
        return None
    slackfit = mean_effective(results, SLACKFIT)
    gap = statistics.fmean(bounds) - slackfit
    return (mean_effective(results, ELASTIC) - slackfit) / gap if gap > 0 else None


def keys_bar(results: Sequence[Result], keys: int) -> Bar:
    """Return the bar against lock-step gangs: the worst point, against their better threshold."""
    leads = [
        mean_effective(seeds, ELASTIC) - max(mean_effective(seeds, name) for name in LOCKSTEP)
        for seeds in by_point(results).values()
    ]
    spread = f"mean {statistics.fmean(leads):+.2f}, best {max(leads):+.2f}"
    return Bar(f"simulate.{keys}keys.worst-point-minus-gangs", min(leads), 0.0, True, spread)


def coverage_bars(results: Sequence[Result]) -> list[Bar]:
    """Return the bars of "ends before its predicted p90", over points with noise."""
    shares = [
        statistics.fmean(r.of(ELASTIC).coverage or 0.0 for r in seeds)
        for seeds in by_point(results).values()
    ]
    spread = f"median {statistics.median(shares):.3f} over {len(shares)} points"
    return [
        Bar("simulate.before-p90.lowest-point", min(shares), 0.85, True, spread),
        Bar("simulate.before-p90.highest-point", max(shares), 0.95, False, spread),
    ]


def disturbed_bar(name: str, results: Sequence[Result]) -> Bar:
    """Return the bar on a disturbed device: ours minus the best rival, mean over all loads."""
    rivals = [o.policy for o in results[0].outcomes if o.policy not in (ELASTIC, STRICT)]
    means = {rival: mean_effective(results, rival) for rival in rivals}
    best = max(means, key=means.__getitem__)
    ours, strict = (mean_effective(results, policy) for policy in (ELASTIC, STRICT))
    spread = f"ours {ours:.2f}, strict {strict:.2f}, {best} {means[best]:.2f}"
    label = name.replace(" ", "-")
    return Bar(f"simulate.{label}.mean-minus-best-rival", ours - means[best], 0.0, True, spread)


def overhead_bar(rows: int = 256, rounds: int = 1001) -> Bar:
    """Return the bar on arrivals + snapshot + decide + apply with `rows` live rows.

    Median microseconds; of 1, 2 and 12 keys the slowest.
    """
    slowest = max(
        (sorted(rounds_us(SimulatedDevice(keys=keys), rows, rounds)) for keys in (1, 2, 12)),
        key=statistics.median,
    )
    spread = f"p10 {slowest[rounds // 10]:.0f}, p90 {slowest[-rounds // 10]:.0f}"
    return Bar(f"decide.{rows}rows.median-us", statistics.median(slowest), 300.0, False, spread)
