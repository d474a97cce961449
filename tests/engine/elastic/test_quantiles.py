from __future__ import annotations

from engine.elastic.quantiles import quantile


def test_quantile() -> None:
    assert quantile([3, 1, 2], 0.5) == 2
    assert quantile(list(range(1, 11)), 0.9) == 9
    assert quantile([5], 0.9) == 5
