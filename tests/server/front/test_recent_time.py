"""How long a reply takes is learned, and forgotten when the load that made it slow is gone."""

from __future__ import annotations

import pytest

from server.front.recent_time import RecentTime


def test_nothing_known_is_no_time() -> None:
    assert RecentTime().predicted_s(0.0) == 0.0


def test_a_high_quantile_of_recent_ones_is_predicted() -> None:
    recent = RecentTime()
    for number in range(32):
        recent.add(0.1 if number % 8 == 0 else 0.001, 1.0)
    assert recent.predicted_s(1.0) == pytest.approx(0.1, rel=0.01)


def test_a_load_that_is_gone_is_forgotten() -> None:
    recent = RecentTime()
    for _ in range(32):
        recent.add(5.0, 1.0)
    assert recent.predicted_s(2.9) > 4.0
    assert recent.predicted_s(3.1) == 0.0
