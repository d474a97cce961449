from __future__ import annotations

import random

import pytest

from loadtests.gpu.scheduling.fitting import fit

BATCHES = (1, 2, 4, 8, 16, 32, 64)


@pytest.mark.parametrize(
    ("fixed_s", "row_s"), [(20e-6, 55e-6), (150e-6, 1e-6), (0.0, 3e-6), (9e-6, 0.0)]
)
def test_a_line_is_found_again(fixed_s: float, row_s: float) -> None:
    found = fit({batch: fixed_s + row_s * batch for batch in BATCHES})
    assert found.line == pytest.approx((fixed_s, row_s), rel=1e-6, abs=1e-11)
    assert found.worst < 1e-6


def test_noise_moves_it_little_and_is_reported() -> None:
    chance = random.Random(4)
    times = {b: (20e-6 + 55e-6 * b) * chance.uniform(0.97, 1.03) for b in BATCHES}
    found = fit(times)
    assert found.row_s == pytest.approx(55e-6, rel=0.03)
    assert found.fixed_s == pytest.approx(20e-6, abs=5e-6)
    assert 0.0 < found.worst < 0.06


def test_no_part_is_negative_where_the_best_line_had_one() -> None:
    steep = fit({1: 1e-6, 2: 4e-6, 4: 9e-6})
    assert steep.fixed_s == 0.0
    assert steep.row_s > 0
    falling = fit({1: 9e-6, 8: 5e-6})
    assert falling.row_s == 0.0
    assert 5e-6 < falling.fixed_s < 9e-6


@pytest.mark.parametrize("times", [{}, {4: 1e-6}, {1: 1e-6, 2: 0.0}])
def test_what_makes_no_line_is_refused(times: dict[int, float]) -> None:
    with pytest.raises(ValueError, match="two batches"):
        fit(times)
