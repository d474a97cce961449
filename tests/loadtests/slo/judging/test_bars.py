from __future__ import annotations

import pytest

from loadtests.kit.bars import Bar
from loadtests.slo.judging.bars import not_run, own_bars, rival_bars
from loadtests.slo.visits import OURS
from tests.loadtests.slo.made_up_rows import GROUND, HIGH, LOW, ROWS, row


def by_name(bars: list[Bar]) -> dict[str, Bar]:
    return {bar.name.removeprefix("slo."): bar for bar in bars}


def test_bars_take_our_median_and_the_worst_cell() -> None:
    bars = by_name(rival_bars(ROWS, GROUND, "mosec"))
    full = bars["mosec.over-full"]  # only from load 1 on
    assert (full.measured, full.verdict) == (4.0, "ok")
    hindsight = bars["mosec.over-hindsight-best"]
    assert hindsight.measured == pytest.approx(92 / 93)
    assert hindsight.verdict == "short"
    assert LOW.name in hindsight.spread
    points = bars["mosec.points-over-best-fixed"]
    assert points.measured == pytest.approx((92 + 80) / 2 - (70 + 60) / 2)
    assert "d3" in points.spread


def test_a_rival_that_answers_nothing_makes_no_infinite_ratio() -> None:
    rows = [row(OURS, "", HIGH, 80.0), row("ray", "full", HIGH, 0.0)]
    assert by_name(rival_bars(rows, GROUND, "ray"))["ray.over-full"].measured == 800.0


def test_a_bar_says_where_no_server_could_meet_it() -> None:
    busy = [row(OURS, "", HIGH, 80.0), row("ray", "full", HIGH, 75.0)]
    bar = by_name(rival_bars(busy, GROUND, "ray"))["ray.over-full"]
    ceiling = 100 * GROUND.quality["full"] / 75.0
    assert ceiling < bar.limit
    assert f"no server could exceed {ceiling:.3f}" in bar.spread
    assert bar.evidence["no_server_could_exceed"] == {HIGH.name: round(ceiling, 4)}
    calm = [row(OURS, "", HIGH, 80.0), row("ray", "full", HIGH, 20.0)]
    assert "no server" not in by_name(rival_bars(calm, GROUND, "ray"))["ray.over-full"].spread


def test_own_bars_are_at_twice_the_load() -> None:
    bars = by_name(own_bars(ROWS, GROUND))
    assert bars["attainment-at-2x"].measured == 0.8
    assert bars["attainment-at-2x"].verdict == "short"
    assert bars["smallest-over-full-capacity"].measured == pytest.approx(40 / 12.5)


def test_bars_not_run_have_the_same_names_and_say_why() -> None:
    missed = not_run("mosec", "why")
    assert by_name(missed).keys() == by_name(rival_bars(ROWS, GROUND, "mosec")).keys()
    assert {(bar.verdict, bar.spread) for bar in missed} == {("not-run", "why")}
