from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from loadtests.locust.errors import OptionError
from loadtests.locust.schedules import Arrival, Mix, TraceLine, read_trace, replay, schedule

MIX = Mix({"vqa": 3, "caption": 1}, {"hurried": 1, "strict": 1})


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
