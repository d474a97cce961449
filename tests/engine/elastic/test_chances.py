from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from engine.elastic.chances import GUESS, CallTimes, Chances

CALL_S = 0.01


def seen(ratios: list[float], apart_s: float = 0.005, call_s: float = CALL_S) -> CallTimes:
    """Return what is learned from calls of one mean, `call_s`; each takes its ratio times that."""
    times = CallTimes()
    for number, ratio in enumerate(ratios):
        times.add(ratio * call_s, call_s, number * apart_s)
    return times


def test_before_anything_is_known_one_call_in_a_hundred_takes_half_as_long_again() -> None:
    assert GUESS.needed_s(1, 0.01, 0.99) == pytest.approx(0.015, rel=0.05)
    assert GUESS.in_time(1, 0.01, 0.01) == pytest.approx(0.5, abs=0.05)


def test_the_chance_is_the_share_of_recent_runs_that_were_in_time() -> None:
    chances = seen([10.0 if k % 20 == 7 else 1.0 for k in range(400)]).chances
    assert chances.level == 1.0
    assert chances.in_time(1, 0.01, 0.02) == pytest.approx(0.95, abs=0.01)
    assert chances.in_time(4, 0.04, 0.08) == pytest.approx(0.8, abs=0.01)
    assert chances.in_time(4, 0.04, 0.131) == 1.0, "one long call among four"
    assert chances.needed_s(1, 0.01, 0.9) == pytest.approx(0.01)
    assert chances.needed_s(1, 0.01, 0.96) == pytest.approx(0.1)


def test_slow_calls_that_come_together_are_not_taken_for_luck() -> None:
    ratios = ([1.0] * 36 + [10.0] * 4) * 10
    apart = ratios[:]
    random.Random(0).shuffle(apart)
    together, shuffled = (seen(each).chances.in_time(4, 0.04, 0.06) for each in (ratios, apart))
    assert together == pytest.approx(33 / 40, abs=0.03)
    assert shuffled < together - 0.15


def mixed(slowed: Callable[[float], float]) -> Chances:
    """Return what is learned from short calls and long ones in turn, one in ten slowed."""
    times = CallTimes()
    for number in range(600):
        mean_s = (2e-5, 5e-3)[number % 2]
        times.add(slowed(mean_s) if number % 20 in (6, 13) else mean_s, mean_s, number * 0.005)
    return times.chances


def test_an_interruption_is_as_long_in_a_short_call_as_in_a_long_one() -> None:
    chances = mixed(lambda mean_s: mean_s + 2e-3)
    assert chances.in_time(1, 5e-3, 6e-3) == pytest.approx(0.9, abs=0.01)
    assert 0.89 < chances.in_time(1, 2e-5, 1.5e-3) <= chances.in_time(1, 2e-5, 2.5e-3)
    assert chances.in_time(1, 2e-5, 2.1e-3) > 0.94
    assert chances.in_time(1, 5e-3, 20e-3) == 1.0, "it is not a hundred times 5 ms"


def test_a_slower_moment_takes_its_share_of_short_calls_and_of_long_ones() -> None:
    chances = mixed(lambda mean_s: mean_s * 3)
    for mean_s in (2e-5, 5e-3):
        assert chances.in_time(1, mean_s, 2.9 * mean_s) == pytest.approx(0.9, abs=0.01)
        assert chances.in_time(1, mean_s, 3.0 * mean_s) == 1.0


def test_what_is_needed_is_what_is_in_time() -> None:
    chances = seen([1 + (k * 37 % 100) / 50 for k in range(500)]).chances
    for calls, mean_s in ((1, 2e-5), (1, 5e-3), (4, 4e-2), (3, 1e-4)):
        for share in (0.5, 0.9, 0.99):
            needed_s = chances.needed_s(calls, mean_s, share)
            assert chances.in_time(calls, mean_s, needed_s) >= share
            assert chances.in_time(calls, mean_s, needed_s * 0.99 - 1e-5) < share


def test_short_calls_that_are_mostly_interruptions_say_little_of_the_level() -> None:
    times = CallTimes()
    for number in range(200):
        times.add(2e-3, 2e-5, number * 0.005)
        times.add(10e-3, 10e-3, number * 0.005)
    assert times.level == pytest.approx(1.0)


def test_one_slow_call_is_not_a_slow_machine() -> None:
    times = seen([1.0] * 50 + [10.0])
    assert times.level == 1.0


@pytest.mark.parametrize("call_s", [0.002, 0.01, 0.05])
def test_a_slow_machine_is_told_within_a_second(call_s: float) -> None:
    times = seen([1.0] * 200, call_s)
    begin = now = 200 * call_s
    while times.level < 1.9:
        times.add(2.0 * CALL_S, CALL_S, now)
        now += call_s
    assert now - begin < 1.0
    assert times.chances.in_time(1, 0.01, 0.019) < 0.05


def test_how_slow_calls_were_is_forgotten_how_far_they_stray_is_not() -> None:
    times = seen([2.0, 6.0] * 100)
    assert times.level > 1
    times.refresh(now=1.0 + 119)
    assert times.level > 1
    times.refresh(now=1000.0)
    assert times.level == 1.0
    assert times.chances.in_time(1, 0.01, 0.011) < 0.9


def test_no_calls_take_no_time() -> None:
    assert (GUESS.in_time(0, 0.0, 0.0), GUESS.in_time(0, 0.0, -1e-3)) == (1.0, 0.0)
    assert GUESS.needed_s(0, 0.0, 0.99) == 0.0


def test_the_usual_level_is_that_of_some_hundred_calls_whatever_is_forgotten_meanwhile() -> None:
    times = seen([0.4] * 255)
    assert times.usual is None
    times.forget_level()
    times.add(0.0, CALL_S, 9.0)
    assert times.usual is None, "the clock was too coarse for it"
    times.add(0.4 * CALL_S, CALL_S, 9.0)
    assert times.usual == pytest.approx(0.4)
    for _ in range(13):
        times.add(4.0 * CALL_S, CALL_S, 9.0)
    assert times.usual == pytest.approx(0.4, rel=0.15), "one in twenty takes ten times as long"
    for _ in range(1000):
        times.add(CALL_S, CALL_S, 9.0)
    assert times.usual == pytest.approx(1.0, rel=0.05)
    for _ in range(1000):
        times.add(3.0 * CALL_S / 50, CALL_S / 50, 9.0)
        times.add(CALL_S, CALL_S, 9.0)
    assert times.usual == pytest.approx(1.0, rel=0.05), "short calls are mostly interruptions"
    times.begin_anew()
    assert (times.usual, times.level) == (None, 1.0)
