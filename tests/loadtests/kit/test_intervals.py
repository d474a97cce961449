from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

import pytest

from loadtests.kit.intervals import bootstrap, draws


def mean_of(values: Sequence[float]) -> Callable[[Sequence[int]], Mapping[str, float]]:
    return lambda drawn: {"mean": statistics.fmean(values[number] for number in drawn)}


def test_few_visits_are_drawn_in_every_way() -> None:
    assert draws(1) == [(0,)]
    assert sorted(draws(2)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert len(set(draws(3))) == 27
    assert draws(9) == draws(9)
    assert all(set(drawn) <= set(range(9)) for drawn in draws(9))


def test_the_interval_of_three_visits_is_from_the_lowest_to_the_highest() -> None:
    assert bootstrap(mean_of([5.0, 1.0, 3.0]), 3) == {"mean": (1.0, 5.0)}


def test_more_visits_make_it_narrower_and_it_holds_the_mean() -> None:
    values = [float(number % 5) for number in range(40)]
    low, high = bootstrap(mean_of(values), len(values))["mean"]
    assert 1.2 < low < 2.0 < high < 2.8


def test_sides_are_drawn_together() -> None:
    ours, theirs = [10.0, 20.0, 30.0], [9.0, 19.0, 29.0]

    def lead(drawn: Sequence[int]) -> dict[str, float]:
        return {"lead": statistics.fmean(ours[n] - theirs[n] for n in drawn)}

    assert bootstrap(lead, 3) == {"lead": (1.0, 1.0)}


def test_no_visits_have_no_interval() -> None:
    with pytest.raises(ValueError, match="no visits"):
        bootstrap(lambda drawn: {}, 0)
