from __future__ import annotations

import statistics
from collections import Counter
from itertools import pairwise

import pytest

from loadtests.locust.errors import OptionError
from loadtests.locust.levels import Level, Stretch, arrivals, read_level, spike, steady, step


def test_a_level_is_a_rate_or_a_multiple_of_the_capacity() -> None:
    assert read_level("--load", "20") == Level(20, of_capacity=False)
    assert read_level("--load", "0.5x") == Level(0.5, of_capacity=True)
    assert (Level(20, False).rate_hz(8), Level(0.5, True).rate_hz(8)) == (20, 4)
    assert (str(Level(20, False)), str(Level(0.5, True))) == ("20/s", "0.5x")


@pytest.mark.parametrize("text", ["", "x", "0", "-1x", "fast", "inf", "nan", "1xx"])
def test_what_is_no_level_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--peak"):
        read_level("--peak", text)


def test_phases_of_each_shape() -> None:
    assert steady(5, 60) == [Stretch("steady", 5, 60)]
    assert step(2, 8, 30, 3) == [
        Stretch("step1", 2, 10),
        Stretch("step2", 5, 10),
        Stretch("step3", 8, 10),
    ]
    assert spike(5, 30, 60, 20) == [
        Stretch("before", 5, 20),
        Stretch("spike", 30, 20),
        Stretch("after", 5, 20),
    ]


def test_phases_that_do_not_fit_are_refused() -> None:
    with pytest.raises(OptionError, match="--steps 1"):
        step(2, 8, 30, 1)
    with pytest.raises(OptionError, match="--peak-seconds 60"):
        spike(5, 30, 60, 60)


@pytest.mark.parametrize("cv2", [1.0, 4.0])
def test_arrivals_follow_the_rate_of_each_phase(cv2: float) -> None:
    stretches = spike(20, 120, 600, 200)
    found = arrivals(stretches, cv2, seed=1)
    times = [at_s for at_s, _ in found]
    assert times == sorted(times)
    assert 0 < times[0] < times[-1] < 600
    edges = {"before": (0, 200), "spike": (200, 400), "after": (400, 600)}
    assert all(edges[name][0] <= at_s <= edges[name][1] for at_s, name in found)
    counts = Counter(name for _, name in found)
    for stretch in stretches:
        assert counts[stretch.name] == pytest.approx(stretch.rate_hz * stretch.seconds, rel=0.1)


def test_burstiness_is_the_gaps_and_the_seed_is_everything() -> None:
    stretches = steady(50, 400)
    found = {cv2: [at_s for at_s, _ in arrivals(stretches, cv2, 3)] for cv2 in (1.0, 4.0)}
    for cv2, times in found.items():
        gaps = [later - earlier for earlier, later in pairwise(times)]
        measured = statistics.pvariance(gaps) / statistics.fmean(gaps) ** 2
        assert measured == pytest.approx(cv2, rel=0.25)
    assert arrivals(stretches, 1.0, 3) == arrivals(stretches, 1.0, 3) != arrivals(stretches, 1.0, 4)
