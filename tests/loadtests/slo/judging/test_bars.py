from __future__ import annotations

from dataclasses import replace

import pytest

from loadtests.kit.bars import Bar
from loadtests.slo.judging.bars import not_run, own_bars, rival_bars
from loadtests.slo.visits import OURS, CellResult
from tests.loadtests.slo.made_up_rows import GROUND, HIGH, LOW, ROWS, score, turns


def by_name(bars: list[Bar]) -> dict[str, Bar]:
    return {bar.name.removeprefix("slo."): bar for bar in bars}


def mosec(rows: list[CellResult]) -> dict[str, Bar]:
    return by_name(rival_bars(rows, GROUND, "mosec"))


def test_a_bar_is_on_the_mean_of_the_worst_cell_with_its_interval() -> None:
    full = mosec(ROWS)["mosec.over-full"]  # only from load 1 on
    assert full.measured == pytest.approx(4.0)
    assert full.interval == pytest.approx((79 / 20, 81 / 20))
    assert full.verdict == "ok"
    assert HIGH.name in full.spread


def test_a_lead_that_the_visits_do_not_agree_on_is_unclear() -> None:
    best = mosec(ROWS)["mosec.over-hindsight-best"]
    assert best.measured == pytest.approx(92 / 91)
    assert best.interval == pytest.approx((90 / 91, 94 / 91))
    assert best.verdict == "unclear"
    assert best.evidence[LOW.name]["interval"] == [round(90 / 91, 4), round(94 / 91, 4)]


def test_one_cell_that_is_below_in_every_visit_is_short() -> None:
    rows = [row for row in ROWS if (row.side, row.cell) != (OURS, LOW)]
    rows += turns(OURS, "", LOW, 90.0, 90.5, 90.9)
    best = mosec(rows)["mosec.over-hindsight-best"]
    assert best.verdict == "short"
    assert f"all below at {LOW.name}" in best.spread


def test_the_lead_is_on_the_best_single_variant() -> None:
    points = mosec(ROWS)["mosec.points-over-best-fixed"]
    assert points.measured == pytest.approx((92 + 80) / 2 - (65 + 60) / 2)
    assert "d3" in points.spread
    low, high = points.interval or (0.0, 0.0)
    assert low < points.measured < high


def test_sides_are_drawn_visit_by_visit() -> None:
    """A visit in which all were slow makes no interval wide."""
    rows = [
        *turns(OURS, "", HIGH, 90.0, 45.0, 90.0),
        *turns("mosec", "full", HIGH, 60.0, 30.0, 60.0),
    ]
    full = mosec(rows)["mosec.over-full"]
    assert full.interval == pytest.approx((1.5, 1.5))


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_visits_draw_no_bar(count: int) -> None:
    rows = [row for row in ROWS if row.turn < count]
    bars = [*rival_bars(rows, GROUND, "mosec"), own_bars(rows, GROUND)[0]]
    assert {bar.verdict for bar in bars} == {"not-run"}
    assert all("a bar needs 3" in bar.spread for bar in bars)


def test_both_sides_count_the_same_visits() -> None:
    """A rival that lacks a cell of the last visit is compared by visits that both have."""
    rows = [row for row in ROWS if not (row.side == "mosec" and row.turn == 2 and row.cell == LOW)]
    bars = mosec(rows)
    assert {bar.verdict for bar in bars.values()} == {"not-run"}
    assert "2 visits" in bars["mosec.over-full"].spread


@pytest.mark.parametrize(("seconds", "offered"), [(19.0, 200), (20.0, 199)])
def test_short_cells_draw_no_bar(seconds: float, offered: int) -> None:
    first, *others = ROWS
    rows = [replace(first, score=score(90.0, seconds, offered)), *others]
    bars = [*rival_bars(rows, GROUND, "mosec"), own_bars(rows, GROUND)[0]]
    assert {bar.verdict for bar in bars} == {"not-run"}
    assert all("a bar needs 20 s and 200" in bar.spread for bar in bars)


def test_a_variant_left_out_counts_as_if_it_had_answered_all() -> None:
    rows = [
        replace(row, score=None) if (row.variant, row.cell) == ("d3", LOW) else row for row in ROWS
    ]
    points = mosec(rows)["mosec.points-over-best-fixed"]
    assert points.measured == pytest.approx((92 + 80) / 2 - (70 + 60) / 2)


def test_a_rival_that_answers_nothing_makes_no_infinite_ratio() -> None:
    rows = [*turns(OURS, "", HIGH, 80, 80, 80), *turns("ray", "full", HIGH, 0, 0, 0)]
    assert by_name(rival_bars(rows, GROUND, "ray"))["ray.over-full"].measured == pytest.approx(800)


def test_a_bar_says_where_no_server_could_meet_it() -> None:
    ours = turns(OURS, "", HIGH, 80.0, 80.0, 80.0)
    busy = [*ours, *turns("ray", "full", HIGH, 75.0, 75.0, 75.0)]
    bar = by_name(rival_bars(busy, GROUND, "ray"))["ray.over-full"]
    ceiling = 100 * GROUND.quality["full"] / 75.0
    assert ceiling < bar.limit
    assert f"no server could exceed {ceiling:.3f}" in bar.spread
    assert bar.evidence["no_server_could_exceed"] == {HIGH.name: round(ceiling, 4)}
    calm = [*ours, *turns("ray", "full", HIGH, 20.0, 20.0, 20.0)]
    assert "no server" not in by_name(rival_bars(calm, GROUND, "ray"))["ray.over-full"].spread


def test_own_bars_are_at_twice_the_load() -> None:
    bars = by_name(own_bars(ROWS, GROUND))
    attained = bars["ours.onnxruntime.attainment-at-2x"]
    assert attained.measured == pytest.approx(0.8)
    assert attained.interval == pytest.approx((0.79, 0.81))
    assert attained.verdict == "short"
    carried = bars["ours.onnxruntime.smallest-over-full-capacity"]
    assert carried.measured == pytest.approx(40 / 12.5)
    assert carried.interval == pytest.approx((39 / 13, 42 / 12))
    assert own_bars([row for row in ROWS if row.cell == LOW], GROUND)[0].verdict == "not-run"


def test_bars_not_run_have_the_same_names_and_say_why() -> None:
    missed = not_run("mosec", "why")
    assert by_name(missed).keys() == mosec(ROWS).keys()
    assert {(bar.verdict, bar.spread) for bar in missed} == {("not-run", "why")}
