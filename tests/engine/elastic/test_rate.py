from __future__ import annotations

import pytest

from engine.elastic.rate import ArrivalRate


def test_arrival_rate() -> None:
    rate = ArrivalRate()
    for k in range(100):
        rate.add(k * 0.01)
    assert rate.hz(1.0) == pytest.approx(100, rel=0.05)
    assert rate.hz(10.0) < 10
