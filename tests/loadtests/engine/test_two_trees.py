from __future__ import annotations

import random
import statistics

import pytest

from loadtests.engine.two_trees import compared, figures, median_interval


def test_the_interval_of_fifteen_leaves_three_at_each_end() -> None:
    assert median_interval([float(n) for n in range(15)]) == (3.0, 11.0)
    assert median_interval([2.0, 1.0, 3.0]) == (1.0, 3.0)
    assert median_interval([5.0]) == (5.0, 5.0)
    with pytest.raises(ValueError, match="no values"):
        median_interval([])


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    chance = random.Random(7)
    held = 0
    for _ in range(2000):
        low, high = median_interval([chance.gauss(0.0, 1.0) for _ in range(15)])
        held += low <= 0.0 <= high
    assert held / 2000 > 0.95


def test_a_figure_is_a_ratio_or_our_time() -> None:
    bars = [
        {
            "name": "engine.composed.batch8.time-ratio",
            "measured": 1.02,
            "evidence": {"ours": {"quartiles": [1.0, 1.7, 2.0]}},
        },
        {
            "name": "engine.http-idle.ms",
            "measured": -1.6,
            "evidence": {"ours": {"quartiles": [6.0, 6.3, 7.0]}},
        },
        {"name": "engine.decide.median-us", "measured": 265.4},
        {"name": "engine.keys", "measured": None},
    ]
    assert figures(bars) == {
        "engine.composed.batch8.time-ratio": 1.02,
        "engine.http-idle.ms": 6.3,
        "engine.decide.median-us": 265.4,
    }


def test_a_slower_tree_is_short_in_both_ways_and_an_equal_one_in_none() -> None:
    before = [{"engine.x.ms": 1.0 + 0.01 * (n % 3)} for n in range(15)]
    slower = [{"engine.x.ms": 1.1 + 0.01 * (n % 3)} for n in range(15)]
    mixed = [{"engine.x.ms": 1.0 + 0.01 * ((n + 1) % 3)} for n in range(15)]
    assert [bar.verdict for bar in compared(before, slower)] == ["short", "short"]
    assert [bar.verdict for bar in compared(before, mixed)] == ["ok", "ok"]
    median, low = compared(before, slower)
    ratios = [
        after["engine.x.ms"] / old["engine.x.ms"] for old, after in zip(before, slower, strict=True)
    ]
    assert median.measured == pytest.approx(statistics.median(ratios))
    assert low.measured is not None
    assert low.measured > 1.0


def test_a_figure_counts_the_visits_in_which_both_trees_measured_it() -> None:
    one, none = {"engine.x": 1.0}, dict[str, float]()
    three, two = {"engine.x": 3.0}, {"engine.x": 2.0}
    median, _ = compared([one, one, one, none], [none, three, two, one])
    assert median.measured == 2.5
    assert median.spread.endswith("2 of 4 visits")
    assert compared([one, none], [none, one]) == []
