"""Levels, stretches, arrivals, traces, budget classes: everything that is settled before a send."""

from __future__ import annotations

import statistics
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from loadtests.locust.budgets import CLASSES, BudgetClass, read_weights
from loadtests.locust.errors import OptionError
from loadtests.locust.levels import Level, Stretch, arrivals, read_level, spike, steady, step
from loadtests.locust.schedules import Arrival, Mix, TraceLine, read_trace, replay, schedule

MIX = Mix({"vqa": 3, "caption": 1}, {"hurried": 1, "strict": 1})


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


def test_a_plan_draws_tasks_and_classes_by_weight() -> None:
    times = [(index / 10, "steady") for index in range(4000)]
    found = schedule(times, MIX, seed=2)
    assert [(each.at_s, each.stretch) for each in found] == times
    tasks, classes = Counter(e.task for e in found), Counter(e.budget for e in found)
    assert tasks["vqa"] / 4000 == pytest.approx(0.75, abs=0.03)
    assert classes["strict"] / 4000 == pytest.approx(0.5, abs=0.03)
    assert found == schedule(times, MIX, seed=2) != schedule(times, MIX, seed=3)


def test_a_trace_is_read_shifted_sorted_and_filled_from_the_mix(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("# at noon\noffset_s,task,class\n12.5, caption, hurried\n\n10,,strict\n11\n")
    lines = read_trace(path)
    assert lines == [
        TraceLine(12.5, "caption", "hurried"),
        TraceLine(10, None, "strict"),
        TraceLine(11, None, None),
    ]
    only_vqa = Mix({"vqa": 1}, {"patient": 1})
    assert replay(lines, only_vqa, seed=0) == [
        Arrival(0.0, "vqa", "strict", "replay"),
        Arrival(1.0, "vqa", "patient", "replay"),
        Arrival(2.5, "caption", "hurried", "replay"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing",
        "offset_s,task,class",
        "soon",
        "nan",
        "inf,vqa",
        "1,drawing",
        "1,vqa,lazy",
        "1,vqa,hurried,x",
    ],
)
def test_what_is_no_trace_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    with pytest.raises(OptionError, match=r"--trace .*offset_s,task,class"):
        read_trace(path)


def test_a_trace_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"missing\.csv"):
        read_trace(tmp_path / "missing.csv")


def test_deadlines_are_multiples_of_the_solo_time() -> None:
    assert CLASSES["hurried"].fields(0.1) == {"max_latency_ms": "200.000", "on_miss": "degrade"}
    assert CLASSES["strict"].fields(0.1) == {"max_latency_ms": "400.000", "on_miss": "reject"}
    assert CLASSES["patient"].fields(0.1) == {}
    assert CLASSES["relaxed"].deadline_s(0.1) == pytest.approx(0.8)
    assert [BudgetClass(None).may_degrade, BudgetClass(2).may_degrade] == [False, True]
    assert not BudgetClass(2, "reject").may_degrade


def test_classes_are_weighed() -> None:
    assert read_weights("hurried=2, strict=0.5") == {"hurried": 2, "strict": 0.5}
    assert read_weights("patient") == {"patient": 1}


@pytest.mark.parametrize(
    "text", ["", "lazy", "hurried=", "hurried=0", "hurried,hurried", "strict=a"]
)
def test_what_is_no_weight_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--classes"):
        read_weights(text)
