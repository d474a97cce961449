"""`otmv bench data`: made-up files are as the public ones, and every part can be measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from loadtests.data.made_up import write_vqav2
from loadtests.data.suite import DataBench, _memory_bars, _reading_bars, run
from tuning.data.measured import PARTS
from tuning.data.problems import Problems
from tuning.data.sets import load, open_folder


def test_made_up_files_have_vqav2s_format(tmp_path: Path) -> None:
    write_vqav2(tmp_path / "made", questions=50, pictures=30, seed=1)
    problems = Problems()
    data = load(open_folder(tmp_path / "made"), "vqa", "train", problems)
    assert not problems.counts
    assert len(data.examples) == 50
    assert len(data.pictures) == 30
    assert all(len(each.answers) == 10 for each in data.examples)
    with Image.open(data.examples[0].pictures[0]) as picture:
        assert picture.size == (640, 480)
    public = json.loads(next((tmp_path / "made").glob("*annotations.json")).read_text())
    assert set(public["annotations"][0]["answers"][0]) == {
        "answer",
        "answer_confidence",
        "answer_id",
    }


@pytest.mark.slow
def test_every_part_is_measured(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    write_vqav2(folder, questions=40, pictures=8, seed=1)
    common = {"folder": str(folder), "task": "vqa", "split": "train"}
    loading = {**common, "side_px": 32, "batch": 4}
    spent = PARTS["cpu"](**loading, batches=8)
    assert set(spent) == {"none", "crop", "randaugment"}
    assert all(0 < each < 1000 for each in spent.values())
    rate = PARTS["rate"](**loading, steps=3, step_s=0.01, workers=1)
    assert 0 < rate["share"] <= 1
    held = PARTS["memory"](**loading, workers=1, batches=10)
    assert 0 < held["early_mb"] <= held["most_mb"]
    read = PARTS["vqav2"](**common)
    assert (read["examples"], read["answers"]) == (40, 400)


def test_bars_hold_or_not() -> None:
    (flat,) = _memory_bars([{"early_mb": 100.0, "late_mb": 104.0, "most_mb": 110.0}])
    (grown,) = _memory_bars([{"early_mb": 100.0, "late_mb": 106.0, "most_mb": 110.0}])
    assert (flat.verdict, grown.verdict) == ("ok", "short")
    took, held = _reading_bars([{"s": 21.0, "mb": 1999.0, "examples": 5.0, "answers": 50.0}])
    assert (took.verdict, held.verdict) == ("short", "ok")


@pytest.mark.slow
def test_the_whole_suite_on_little_data(tmp_path: Path) -> None:
    bench = DataBench(tmp_path, 1, steps=4, epoch=320, questions=400, pictures=64)
    bars = run(bench, lambda what, share: None)
    assert [bar.name for bar in bars] == [
        "data-cpu-ms",
        "data-cpu-ms-randaugment",
        "data-step-rate",
        "data-vqav2-s",
        "data-vqav2-mb",
        "data-memory-growth",
    ]
    assert all(bar.measured for bar in bars)
