"""`otmv bench tuning`: sides in turns, ratios of pairs, bars."""

from __future__ import annotations

import pytest

from loadtests.tuning.suite import TuningBench, bars_of, run


def test_bars_are_medians_of_the_pairs_ratios() -> None:
    full = [1.0, 2.0, 4.0]
    found = {"step_s": {"otmv": [1.0, 2.2, 4.0], "open": [1.1, 2.2, 4.4], "full": full}}
    (bar,) = bars_of(found)
    assert (bar.name, bar.measured, bar.verdict) == ("tuning-step", 1.0, "ok")
    assert "too few to claim" in bar.spread
    assert "every gate open 1.100, 1.100 to 1.100" in bar.spread


@pytest.mark.slow
def test_both_sides_are_measured() -> None:
    small = TuningBench(2, 64, 1, 32, 1, batch=2, steps=1, rounds=2, device="cpu")
    bars, measured = run(small, lambda what, share: None)
    assert {name: len(values) for name, values in measured["step_s"].items()} == dict.fromkeys(
        ("otmv", "open", "full"), 2
    )
    assert measured["parameters"]["otmv"] < measured["parameters"]["full"]
    assert [bar.name for bar in bars] == ["tuning-step"]
