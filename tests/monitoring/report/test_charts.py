from __future__ import annotations

import itertools
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitoring.prometheus import Points, TimeSpan
from monitoring.report.charts import HEIGHT, WIDTH, chart, colours
from monitoring.report.contents import Kind, Plot, Unit
from monitoring.report.gather import Curve, Figure
from monitoring.report.scales import Scale, ceiling, ticks, time_ticks, value_text

SPAN = TimeSpan(0.0, 100.0, 10.0)


def figure(kind: Kind, *curves: Curve, unit: Unit = "per second", depths: bool = False) -> Figure:
    return Figure(Plot("Title", "note", kind, unit, (), depths), curves, ())


def steady(name: str, value: float, times: tuple[float, ...] = (0, 10, 20)) -> Curve:
    return Curve(name, tuple((float(time_s), value) for time_s in times))


def drawn(made: Figure) -> ElementTree.Element:
    return ElementTree.fromstring(chart(made, SPAN))


def places(path: str) -> list[tuple[float, float]]:
    """Return the corners of a path."""
    corners = path.strip("MZ").replace("L", "|").split("|")
    return [(float(x), float(y)) for x, y in (corner.split() for corner in corners)]


def paths(made: Figure, kind: str) -> list[list[tuple[float, float]]]:
    found = [path for path in drawn(made).iter("path") if path.get("class") == kind]
    return [places(path.get("d", "")) for path in found]


def test_areas_lie_on_each_other() -> None:
    upper, lower = paths(figure("areas", steady("a", 1.0), steady("b", 3.0)), "area")
    base, a_px, b_px = lower[-1][1], lower[0][1], upper[0][1]
    assert upper[-1][1] == base  # each is drawn down to the base, the lower one over it
    assert (base - b_px) / (base - a_px) == pytest.approx(4.0, rel=1e-2)


def test_shares_fill_the_height() -> None:
    upper, lower = paths(figure("shares", steady("a", 1.0), steady("b", 3.0)), "area")
    height = upper[-1][1] - upper[0][1]
    assert (lower[-1][1] - lower[0][1]) / height == pytest.approx(0.25, rel=1e-2)
    idle = figure("shares", Curve("a", ((0.0, 1.0), (10.0, 0.0))))
    assert [len(corners) for corners in paths(idle, "area")] == [3]  # no share of nothing


def test_a_gap_is_not_bridged() -> None:
    whole = paths(figure("lines", steady("a", 1.0, (0, 10, 20, 30, 40))), "line")
    broken = paths(figure("lines", steady("a", 1.0, (0, 10, 60, 70, 80))), "line")
    assert [len(line) for line in whole] == [5]
    assert [len(line) for line in broken] == [2, 3]


def test_a_point_alone_is_a_dot() -> None:
    svg = drawn(figure("lines", steady("a", 1.0, (0, 50, 60))))
    assert len(list(svg.iter("circle"))) == 1


def test_the_pointer_finds_every_value() -> None:
    svg = drawn(figure("areas", steady("a", 1.0), steady("b", 3.0, (10,))))
    titles = [title.text for title in svg.iter("title")]
    assert titles == [
        "00:00:00 UTC\na  1/s",
        "00:00:10 UTC\nb  3/s\na  1/s",
        "00:00:20 UTC\na  1/s",
    ]


def test_variants_are_coloured_by_depth() -> None:
    names = [steady(name, 1.0) for name in ("d1", "d2", "full")]
    found = colours(figure("shares", *names, depths=True))
    assert [
        f"--deep) {share}%" in tint for share, tint in zip((0, 50, 100), found, strict=True)
    ] == [
        True,
        True,
        True,
    ]


values = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=8)


@given(st.sampled_from(["lines", "areas", "shares"]), st.lists(values, min_size=1, max_size=4))
@example("lines", [[5e-324]])
def test_everything_drawn_is_inside_the_picture(kind: Kind, columns: list[list[float]]) -> None:
    made = figure(
        kind,
        *(
            Curve(str(i), tuple((10.0 * t, value) for t, value in enumerate(column)))
            for i, column in enumerate(columns)
        ),
    )
    for path in drawn(made).iter("path"):
        for x, y in places(path.get("d", "")):
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT


@given(st.floats(1e-9, 1e9))
def test_the_ceiling_is_round_and_near(value: float) -> None:
    top = ceiling(value, 4)
    assert value * 0.999999 <= top <= 2 * value
    assert 2 <= len(ticks(0.0, top, 4)) <= 8


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 8))
def test_ticks_are_even_and_inside(low: float, width: float, about: int) -> None:
    found = ticks(low, low + width, about)
    assert all(low - 1e-6 * width <= mark <= low + width * (1 + 1e-6) for mark in found)
    gaps = [b - a for a, b in itertools.pairwise(found)]
    assert all(gap == pytest.approx(gaps[0], rel=1e-3) for gap in gaps)


def test_times_are_round_and_say_what_they_must() -> None:
    day_s = 86_400.0
    assert [text for _, text in time_ticks(55.0, 125.0, 5)] == [
        "00:01:00",
        "00:01:15",
        "00:01:30",
        "00:01:45",
        "00:02:00",
    ]
    assert [text for _, text in time_ticks(0.0, 3600.0, 6)][:2] == ["00:00", "00:10"]
    assert [text for _, text in time_ticks(0.0, 6 * day_s, 6)][:2] == ["01 Jan", "02 Jan"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.9912, "share", "99.1 %"),
        (0.9, "quality", "0.900"),
        (0.0123, "seconds", "12.3 ms"),
        (2.5, "seconds", "2.5 s"),
        (0.0, "seconds", "0"),
        (12345.6, "per second", "12,346/s"),
        (3.14159, "rows", "3.14"),
    ],
)
def test_values_read_well(value: float, unit: Unit, text: str) -> None:
    assert value_text(value, unit) == text


def test_a_scale_goes_both_ways() -> None:
    assert Scale(0.0, 10.0, 100.0, 0.0)(2.5) == 75.0


def test_points_above_a_fixed_top_stay_inside() -> None:
    points: Points = ((0.0, 1.7), (10.0, 0.5))
    (line,) = paths(figure("lines", Curve("a", points), unit="share"), "line")
    assert min(y for _, y in line) >= 0
