"""Many sides in turns: every side once in each round, and none always at the same place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loadtests.kit.pairs import Side
from loadtests.kit.progress import Report


def turned(names: Sequence[str], number: int) -> list[str]:
    """Return the order of a round: each begins one place further on than the one before."""
    first = number % len(names)
    return [*names[first:], *names[:first]]


def take_rounds(
    sides: Mapping[str, Side], count: int, report: Report
) -> dict[str, tuple[float, ...]]:
    """Measure every side once in each of `count` rounds.

    Entry k of each was taken in round k.
    """
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(count):
        for place, name in enumerate(turned(list(sides), number)):
            share = (number + place / len(sides)) / count
            report(f"round {number + 1} of {count}, {name}", share)
            found[name].append(sides[name]())
    return {name: tuple(values) for name, values in found.items()}
