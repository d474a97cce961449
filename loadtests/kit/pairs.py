"""Both sides of a comparison, taken in turns in one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from loadtests.kit.bars import Bar
from loadtests.kit.progress import Report
from loadtests.kit.quartiles import quartiles

Side = Callable[[], float]
"""Measures one side once."""

CLAIM_PAIRS = 15
"""A ratio over fewer pairs is a look, not a claim (CONTRIBUTING.md)."""


@dataclass(frozen=True)
class Pairs:
    """Measurements of both sides; entry k of each was taken beside the other's."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Ours / theirs of each pair."""
        return tuple(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def differences(self) -> tuple[float, ...]:
        """Ours - theirs of each pair."""
        return tuple(a - b for a, b in zip(self.ours, self.theirs, strict=True))


def take_pairs(ours: Side, theirs: Side, count: int, report: Report, what: str = "") -> Pairs:
    """Measure both sides `count` times; the side that goes first alternates."""
    found_ours, found_theirs = [], []
    for number in range(count):
        report(f"{what} pair {number + 1} of {count}".strip(), number / count)
        if number % 2 == 0:
            found_ours.append(ours())
            found_theirs.append(theirs())
        else:
            found_theirs.append(theirs())
            found_ours.append(ours())
    return Pairs(tuple(found_ours), tuple(found_theirs))


def summary(pairs: Pairs) -> dict[str, object]:
    """Return the quartiles of the ratios, as evidence beside a bar."""
    return {
        "pairs": len(pairs.ratios),
        "quartiles": [round(ratio, 4) for ratio in quartiles(pairs.ratios)],
    }


def ratio_bar(
    name: str,
    pairs: Pairs,
    limit: float,
    unit: str,
    *,
    at_least: bool = False,
    claim_pairs: int = CLAIM_PAIRS,
    **notes: Any,
) -> Bar:
    """Return the bar on the median over pairs of ours / theirs; `unit` is of one side."""
    return _bar(name, pairs, pairs.ratios, limit, unit, at_least, claim_pairs, notes)


def difference_bar(name: str, pairs: Pairs, limit: float, unit: str, **notes: Any) -> Bar:
    """Return the bar on the median over pairs of ours - theirs, at most `limit` of `unit`."""
    return _bar(name, pairs, pairs.differences, limit, unit, False, CLAIM_PAIRS, notes)


def _bar(
    name: str,
    pairs: Pairs,
    values: Sequence[float],
    limit: float,
    unit: str,
    at_least: bool,
    claim_pairs: int,
    notes: dict[str, Any],
) -> Bar:
    low, middle, high = quartiles(values)
    few = "" if len(values) >= claim_pairs else ", too few to claim"
    spread = f"quartiles {low:.3f} to {high:.3f}, {len(values)} pairs{few}"
    evidence = {
        "pairs": len(values),
        "claimed": not few,
        "quartiles": [round(low, 5), round(middle, 5), round(high, 5)],
        "ours": side_record(pairs.ours, unit),
        "theirs": side_record(pairs.theirs, unit),
        **notes,
    }
    return Bar(name, middle, limit, at_least, spread, evidence)


def side_record(values: Sequence[float], unit: str) -> dict[str, Any]:
    """Return one side as the results file holds it: quartiles and every value."""
    return {
        "unit": unit,
        "quartiles": [round(value, 6) for value in quartiles(values)],
        "values": [round(value, 6) for value in values],
    }
