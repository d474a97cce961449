from __future__ import annotations

from engine.elastic.spread import CallSpread


def test_spread_of_calls_is_a_guess_until_it_is_known() -> None:
    spread = CallSpread()
    assert spread.over(1.0) == 1.5
    for k in range(64):
        spread.add(1.0 if k % 16 else 2.0)
    assert spread.over(1.0) == 2.0
    assert spread.over(4.0) == 1.0
