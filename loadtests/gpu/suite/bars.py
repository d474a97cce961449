"""The suite's bars, from what its parts found. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from artifact.task import TaskName
from loadtests.gpu.suite.run import PartOutcome
from loadtests.kit.bars import Bar
from loadtests.table4.rows import Speed, inverted
from models.comparators.methods import METHODS
from monitoring.table4 import COLUMNS, paper_speed

LEAST_SHARE = 0.97
"""Of its ideal speed, for methods that execute less."""

MOST_COMPOSED, MOST_IDLE, LEAST_PEAK = 1.03, 0.05, 0.55
"""Composed time over whole, at batches from 8 on; idle share; share of the measured peak."""

Found = Mapping[str, Any]


def bars(outcomes: Mapping[str, PartOutcome], claim: str) -> list[Bar]:
    """Return every bar; one that could not be measured says why.

    Args:
        outcomes: by part.
        claim: why these times say nothing of a GPU serving BEiT-3 Large; "" if they do.
    """
    found = [*_table4(outcomes), *_steps(outcomes), *_simulator(outcomes)]
    if not claim:
        return found
    return [Bar(bar.name, None, bar.limit, bar.at_least, claim) for bar in found]


def _why(outcomes: Mapping[str, PartOutcome], part: str) -> str:
    """Return why a part did not find something."""
    if part not in outcomes:
        return f"the {part} part was not asked for"
    outcome = outcomes[part]
    return f"{part} {outcome.status}: {outcome.why}" if outcome.why else f"not in {part}'s findings"


def _table4(outcomes: Mapping[str, PartOutcome]) -> Iterator[Bar]:
    why = _why(outcomes, "table4")
    for task in COLUMNS:
        part = outcomes.get("table4")
        column = part.found.get(task, {}).get("methods", {}) if part else {}
        rows = {method: row for method, row in column.items() if "speed" in row}
        yield _speedup(task, rows, column, why)
        yield _least_share(task, rows, why)
        yield _order(task, rows, why)


def _speedup(task: TaskName, rows: Found, column: Found, why: str) -> Bar:
    limit = paper_speed("otmv", task) or 1.0
    name = f"gpu.table4.{task}.otmv-speedup"
    if "otmv" not in rows:
        return Bar(name, None, limit, True, column.get("otmv", {}).get("error", why))
    row = rows["otmv"]
    speed = row["speed"]
    spread = f"{speed['low']:.3f} to {speed['high']:.3f}, {speed['n']} rounds, ideal {row['ideal']}"
    return Bar(name, speed["median"], limit, True, spread)


def _least_share(task: TaskName, rows: Found, why: str) -> Bar:
    name = f"gpu.table4.{task}.least-share-of-ideal"
    held = [method.id for method in METHODS.values() if method.kind == "less"]
    shares = {method: rows[method]["share"] for method in held if method in rows}
    if not shares:
        return Bar(name, None, LEAST_SHARE, True, why)
    worst = min(shares, key=shares.__getitem__)
    missing = [method for method in held if method not in rows]
    without = f"; without {', '.join(missing)}" if missing else ""
    return Bar(name, shares[worst], LEAST_SHARE, True, f"{worst}{without}", {"shares": shares})


def _order(task: TaskName, rows: Found, why: str) -> Bar:
    """Count pairs of methods that came in another order than their clearly different ideals."""
    name = f"gpu.table4.{task}.inverted-pairs"
    speeds = [_speed(task, method, row) for method, row in rows.items()]
    wrong, clear = inverted(speeds)
    if not clear:
        return Bar(name, None, 0.0, False, why)
    named = [f"{slow} before {fast}" for slow, fast in wrong]
    return Bar(name, float(len(wrong)), 0.0, False, "; ".join([f"of {clear}", *named]))


def _speed(task: TaskName, method: str, row: Found) -> Speed:
    speed = row["speed"]
    quartiles = (speed["low"], speed["median"], speed["high"])
    return Speed(task, method, quartiles, row["ideal"], speed["n"], row["paper"])


def _steps(outcomes: Mapping[str, PartOutcome]) -> Iterator[Bar]:
    """Yield the composed engine's bars, from its fused form if that was measured."""
    why = _why(outcomes, "steps")
    found = outcomes["steps"].found if "steps" in outcomes else {}
    for key, name, limit, at_least in (
        ("peak_share", "gpu.steps.block-share-of-peak", LEAST_PEAK, True),
        ("idle", "gpu.steps.idle-share", MOST_IDLE, False),
        ("composed", "gpu.steps.composed-over-whole", MOST_COMPOSED, False),
    ):
        form = next((f for f in ("compiled", "plain") if found.get(f, {}).get(key)), None)
        if form is None:
            yield Bar(name, None, limit, at_least, why)
            continue
        value = found[form][key]
        if key == "composed":
            yield _composed(name, limit, form, value)
        else:
            measured = value["idle_share"] if key == "idle" else value
            yield Bar(name, measured, limit, at_least, f"{form} kernels", {key: value})


def _composed(name: str, limit: float, form: str, by_batch: Found) -> Bar:
    """Return the bar of the worst batch of 8 or more (of any, where none is so large)."""
    batches = [b for b in by_batch if int(b) >= 8] or list(by_batch)
    worst = max(batches, key=lambda batch: by_batch[batch]["ratio"]["median"])
    ratio = by_batch[worst]["ratio"]
    spread = f"batch {worst}, {ratio['low']:.3f} to {ratio['high']:.3f}, {form} kernels"
    medians = {batch: found["ratio"]["median"] for batch, found in by_batch.items()}
    return Bar(name, ratio["median"], limit, False, spread, {"by_batch": medians})


def _simulator(outcomes: Mapping[str, PartOutcome]) -> Iterator[Bar]:
    """Yield the simulator's own bars, at the loads relative to this device."""
    found = outcomes["simulator"].found if "simulator" in outcomes else {}
    study = found.get("relative") or found.get("as_is")
    if study is None:
        why = _why(outcomes, "simulator")
        for name, limit in _SIMULATED.items():
            yield Bar(name, None, limit, True, why)
        return
    kind = "relative" if "relative" in found else "as_is"
    for record in study["bars"]:
        spread = "; ".join(
            part for part in (record["spread"], f"{kind} loads, seeds {study['seeds']}") if part
        )
        yield Bar(record["name"], record["measured"], record["limit"], True, spread)


_SIMULATED = {
    "gpu.simulate.1key.worst-point-minus-best-rival": -0.3,
    "gpu.simulate.1key.mean-minus-slackfit": 2.5,
    "gpu.simulate.1key.mean-minus-best-fixed": 5.0,
}
"""Names and limits of `loadtests.simulate.bars.one_key_bars`."""
