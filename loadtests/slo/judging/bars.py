"""The bars of the live benchmark, from its rows. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from loadtests.kit.bars import Bar
from loadtests.kit.intervals import bootstrap
from loadtests.slo.capacity import best
from loadtests.slo.judging.table import CellTable, Turns
from loadtests.slo.visits import OURS, CellResult
from loadtests.slo.workload import Cell
from loadtests.slo.yardstick import Yardstick

OVER_FULL, OVER_HINDSIGHT, OVER_FIXED_POINTS = 1.5, 1.0, 5.0
ATTAINMENT, SMALLEST_OVER_FULL = 0.99, 3.0
_FROM_LOAD, _ATTAINED_LOAD = 1.0, 2.0
_LEAST_POINTS = 0.1
"""A rival below this counts as this: a ratio to nothing says nothing."""


def rival_bars(rows: Sequence[CellResult], yardstick: Yardstick, rival: str) -> list[Bar]:
    """Return the three bars against one rival; not run if the rows are too few or too short."""
    table = CellTable(rows, yardstick.quality)
    if why := table.no_claim(OURS, rival):
        return not_run(rival, why)
    loaded = [cell for cell in table.cells if cell.load >= _FROM_LOAD]
    turns = table.turns(OURS, rival)

    def over_full(drawn: Turns) -> dict[str, float]:
        full = yardstick.full
        return {
            cell.name: _ratio(table, cell, drawn, table.effective(rival, full, cell, drawn))
            for cell in loaded
        }

    def over_best(drawn: Turns) -> dict[str, float]:
        return {
            cell.name: _ratio(table, cell, drawn, table.hindsight(rival, cell, drawn)[1])
            for cell in table.cells
        }

    def over_single(drawn: Turns) -> dict[str, float]:
        bursts = dict.fromkeys(cell.cv2 for cell in table.cells)
        return {f"CV² {cv2:g}": _lead(table, rival, cv2, drawn)[1] for cv2 in bursts}

    singles = {f"CV² {c.cv2:g}": _lead(table, rival, c.cv2, turns)[0] for c in table.cells}
    ceilings = {cell.name: _ceiling(table, yardstick, (rival, cell), turns) for cell in loaded}
    named = f"slo.{rival}"
    return [
        _with_ceiling(_worst(f"{named}.over-full", over_full, turns, OVER_FULL), ceilings),
        _worst(f"{named}.over-hindsight-best", over_best, turns, OVER_HINDSIGHT),
        _worst(f"{named}.points-over-best-fixed", over_single, turns, OVER_FIXED_POINTS, singles),
    ]


def own_bars(rows: Sequence[CellResult], yardstick: Yardstick) -> list[Bar]:
    """Return the bars on our own attainment, and on what it is promised for."""
    table = CellTable(rows, yardstick.quality)
    cells = [cell for cell in table.cells if cell.load == _ATTAINED_LOAD]
    named = f"slo.ours.{yardstick.backend}"
    why = table.no_claim(OURS) or ("" if cells else "no cell at this load")

    def shares(drawn: Turns) -> dict[str, float]:
        return {cell.name: table.attainment(OURS, "", cell, drawn) for cell in cells}

    attained = f"{named}.attainment-at-2x"
    return [
        Bar(attained, None, ATTAINMENT, True, why)
        if why
        else _worst(attained, shares, table.turns(OURS), ATTAINMENT),
        _smallest_over_full(f"{named}.smallest-over-full-capacity", yardstick),
    ]


def not_run(rival: str, why: str) -> list[Bar]:
    """Return the bars of a rival that was not measured."""
    limits = {
        "over-full": OVER_FULL,
        "over-hindsight-best": OVER_HINDSIGHT,
        "points-over-best-fixed": OVER_FIXED_POINTS,
    }
    return [Bar(f"slo.{rival}.{name}", None, limit, True, why) for name, limit in limits.items()]


def _ratio(table: CellTable, cell: Cell, turns: Turns, theirs: float) -> float:
    return table.effective(OURS, "", cell, turns) / max(theirs, _LEAST_POINTS)


def _ceiling(
    table: CellTable, yardstick: Yardstick, against: tuple[str, Cell], turns: Turns
) -> float:
    """Return what a server that answers every request on time with the full variant would score."""
    rival, cell = against
    theirs = table.effective(rival, yardstick.full, cell, turns)
    return 100 * yardstick.quality[yardstick.full] / max(theirs, _LEAST_POINTS)


def _with_ceiling(bar: Bar, ceilings: Mapping[str, float]) -> Bar:
    """Add to a bar what no server could exceed; say so where that is below the limit."""
    low = {cell: each for cell, each in ceilings.items() if each < bar.limit}
    named = (f"no server could exceed {each:.3f} at {cell}" for cell, each in low.items())
    spread = "; ".join([bar.spread, *named])
    kept = {cell: round(each, 4) for cell, each in ceilings.items()}
    evidence = {**bar.evidence, "no_server_could_exceed": kept}
    return replace(bar, spread=spread, evidence=evidence)


def _lead(table: CellTable, rival: str, cv2: float, turns: Turns) -> tuple[str, float]:
    """Return the rival's best single variant over all loads, and our mean lead on it in points."""
    cells = [cell for cell in table.cells if cell.cv2 == cv2]
    means = {
        name: statistics.fmean(table.effective(rival, name, cell, turns) for cell in cells)
        for name in table.variants(rival)
    }
    single = max(means, key=means.__getitem__)
    ours = statistics.fmean(table.effective(OURS, "", cell, turns) for cell in cells)
    return single, ours - means[single]


def _smallest_over_full(name: str, yardstick: Yardstick) -> Bar:
    smallest, full = yardstick.rates[next(iter(yardstick.quality))], yardstick.rates[yardstick.full]
    rounds = min(len(each) for each in (*smallest.values(), *full.values()))

    def ratio(drawn: Turns) -> dict[str, float]:
        return {name: best(smallest, drawn) / best(full, drawn)}

    spread = f"{next(iter(yardstick.quality))} over {yardstick.full}, each at its best batch"
    interval = bootstrap(ratio, rounds)[name]
    measured = yardstick.smallest_over_full
    return Bar(name, measured, SMALLEST_OVER_FULL, True, spread, interval=interval)


def _worst(
    name: str,
    values: Callable[[Turns], Mapping[str, float]],
    turns: Turns,
    limit: float,
    notes: Mapping[str, str] | None = None,
) -> Bar:
    """Return a bar on the lowest of several values.

    It is ok if each one's interval clears the limit, and short if one's is all below it.
    """
    found = values(turns)
    drawn = bootstrap(lambda numbers: values([turns[n] for n in numbers]), len(turns))
    worst = min(found, key=found.__getitem__)
    evidence = {
        each: {
            "measured": round(value, 4),
            "interval": [round(end, 4) for end in drawn[each]],
            **({"against": notes[each]} if notes else {}),
        }
        for each, value in found.items()
    }
    below = [each for each, (_, high) in drawn.items() if high < limit]
    return Bar(
        name,
        found[worst],
        limit,
        at_least=True,
        spread="; ".join(_said(found, worst, below, notes)),
        evidence=evidence,
        interval=(min(low for low, _ in drawn.values()), min(high for _, high in drawn.values())),
    )


def _said(
    found: Mapping[str, float], worst: str, below: Sequence[str], notes: Mapping[str, str] | None
) -> Iterable[str]:
    against = f" against {notes[worst]}" if notes else ""
    yield f"worst at {worst}{against}"
    yield f"best {max(found.values()):.3f}"
    if below:
        yield f"all below at {' and '.join(below)}"
