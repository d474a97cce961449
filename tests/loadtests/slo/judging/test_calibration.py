from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import generate_latest

from engine.telemetry import Telemetry
from loadtests.slo.judging.calibration import (
    TENTHS,
    Tenth,
    chances_bar,
    chances_bar_of_turns,
    less,
    plot_tenths,
    read_tenths,
    together,
)


def recorded(chance: float, met: int, missed: int) -> list[Tenth]:
    """Return what a server's own metrics say of some answers with one chance."""
    telemetry = Telemetry()
    for number in range(met + missed):
        telemetry.came_true(chance, number < met)
    return read_tenths(generate_latest(telemetry.registry).decode())


def test_tenths_are_read_from_a_servers_metrics() -> None:
    tenths = recorded(0.85, met=8, missed=2)
    assert len(tenths) == TENTHS
    assert (tenths[8].count, tenths[8].met) == (10, 8)
    assert tenths[8].chances == pytest.approx(8.5)
    assert tenths[8].error == pytest.approx(-0.05)
    assert not any(tenth.count for tenth in tenths[:8])


def test_a_sure_chance_is_in_the_last_tenth() -> None:
    assert recorded(1.0, met=3, missed=0)[9] == Tenth(3, 3, 3)


def test_the_error_counts_every_answer_alike() -> None:
    tenths = together([recorded(0.95, met=95, missed=5), recorded(0.5, met=0, missed=100)])
    bar = chances_bar("chances", tenths)
    assert bar.measured == pytest.approx(0.25)
    assert bar.verdict == "short"
    assert chances_bar("chances", recorded(0.95, 19, 1)).verdict == "ok"
    assert chances_bar("chances", read_tenths("")).verdict == "not-run"


def test_they_are_drawn(tmp_path: Path) -> None:
    plot_tenths(recorded(0.5, 1, 1), tmp_path / "chances.png")
    assert (tmp_path / "chances.png").stat().st_size > 1000


def test_the_bar_over_turns_has_an_interval_and_needs_three() -> None:
    good, bad = recorded(0.95, met=95, missed=5), recorded(0.95, met=80, missed=20)
    bar = chances_bar_of_turns("chances", [good, good, bad])
    assert bar.measured == pytest.approx(0.05)
    assert bar.interval == pytest.approx((0.0, 0.15), abs=1e-9)
    assert bar.verdict == "unclear"
    assert chances_bar_of_turns("chances", [good, good, good]).verdict == "ok"
    assert chances_bar_of_turns("chances", [good, good]).verdict == "not-run"


def test_what_came_between_two_readings() -> None:
    before, after = recorded(0.95, 5, 1), together([recorded(0.95, 5, 1), recorded(0.5, 2, 0)])
    between = less(after, before)
    assert (between[5].count, between[5].met, between[9].count) == (2, 2, 0)
