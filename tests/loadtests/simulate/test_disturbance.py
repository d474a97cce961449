from __future__ import annotations

import statistics
from itertools import pairwise

import pytest

from loadtests.simulate.disturbance import QUIET, CallFactors, Disturbance
from loadtests.simulate.gangs import fixed, run_gangs
from loadtests.simulate.world import SimulatedDevice


def factors(disturbance: Disturbance, seed: int = 0) -> list[float]:
    """Return the factors of a call every 10 ms, for 20 s."""
    drawn = CallFactors(disturbance, seed)
    return [drawn.next(k / 100) for k in range(2000)]


def test_calls_of_a_quiet_device_take_their_means() -> None:
    assert set(factors(QUIET)) == {1.0}


def test_noise_keeps_the_mean() -> None:
    found = factors(Disturbance(noise=0.2))
    assert statistics.fmean(found) == pytest.approx(1.0, abs=0.02)
    assert statistics.pstdev(found) == pytest.approx(0.2, abs=0.02)


def test_a_share_of_the_calls_takes_ten_times_as_long() -> None:
    found = factors(Disturbance(tail_share=0.05))
    assert found.count(10.0) / len(found) == pytest.approx(0.05, abs=0.015)
    assert set(found) == {1.0, 10.0}


def test_the_clock_is_slow_for_ten_seconds() -> None:
    found = factors(Disturbance(clock=0.6))
    slow = [k / 100 for k, factor in enumerate(found) if factor > 1]
    assert (slow[0], slow[-1], len(slow)) == (5.0, 14.99, 1000)
    assert max(found) == pytest.approx(1 / 0.6)


def test_a_competing_load_comes_and_goes() -> None:
    found = factors(Disturbance(load_factor=2.0), seed=1)
    changes = sum(a != b for a, b in pairwise(found))
    assert found.count(2.0) / len(found) == pytest.approx(0.5, abs=0.25)
    assert 8 <= changes <= 40


def test_they_are_drawn_alike_for_a_seed() -> None:
    every = Disturbance(noise=0.1, tail_share=0.05, clock=0.6, load_factor=2.0)
    assert factors(every, 3) == factors(every, 3) != factors(every, 4)


def test_gangs_are_disturbed_too_and_pay_for_their_head() -> None:
    device = SimulatedDevice(head=(2e-3, 0.0))
    slowed = SimulatedDevice(head=(2e-3, 0.0), disturbance=Disturbance(tail_share=1.0))
    budget_s = device.service_s(24, 1) + 1e-4
    quiet, slow = (run_gangs("full", fixed(d, 6), 6, [0.0], budget_s, d) for d in (device, slowed))
    short = run_gangs("full", fixed(device, 6), 6, [0.0], budget_s - 1e-3, device)
    assert (quiet.attainment, slow.attainment, short.attainment) == (1.0, 0.0, 0.0)
