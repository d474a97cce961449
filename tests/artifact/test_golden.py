from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from artifact.errors import InvalidManifest
from artifact.golden import (
    LabelledCase,
    StageCase,
    read_labelled_cases,
    read_stage_cases,
    relative_l2,
    write_labelled_cases,
    write_stage_cases,
)


def test_stage_cases_keep_order_names_and_dtypes(tmp_path: Path) -> None:
    mask = np.array([[True, False]])
    cases = [
        StageCase("stem[vqa]", {"tokens": np.array([[1, 2]])}, {"h": np.ones((1, 2), "f4")}),
        StageCase("block[0]", {"mask": mask, "h": np.zeros((1, 2), "f4")}, {"r": mask * 1.0}),
        StageCase("block[0]", {"mask": ~mask}, {"r": np.array([2], np.uint8)}),
    ]
    write_stage_cases(tmp_path / "golden/stages.safetensors", cases)
    found = read_stage_cases(tmp_path / "golden/stages.safetensors")
    assert [case.stage for case in found] == ["stem[vqa]", "block[0]", "block[0]"]
    for case, written in zip(found, cases, strict=True):
        for side in ("inputs", "outputs"):
            for name, array in getattr(written, side).items():
                again = getattr(case, side)[name]
                assert again.dtype == array.dtype
                np.testing.assert_array_equal(again, array)


def test_labelled_cases_round_trip(tmp_path: Path) -> None:
    cases = (
        LabelledCase("golden/images/0.jpg", "vqa", "what colour?", ("red", "rot")),
        LabelledCase("golden/images/1.jpg", "caption", phrases=("a red cube", "a blue ball")),
        LabelledCase(
            "golden/images/0.jpg",
            "reason",
            right_image="golden/images/1.jpg",
            statement="both images contain a red cube",
            truth=False,
        ),
    )
    write_labelled_cases(tmp_path / "cases.jsonl", cases)
    found = read_labelled_cases(tmp_path / "cases.jsonl")
    assert found == cases
    assert [case.text for case in found] == ["what colour?", None, "both images contain a red cube"]


def test_cases_written_before_there_were_statements_are_read(tmp_path: Path) -> None:
    line = '{"image": "a.jpg", "task": "vqa", "question": "q?", "answers": ["a"], "phrases": []}'
    (tmp_path / "cases.jsonl").write_text(f"{line}\n")
    assert read_labelled_cases(tmp_path / "cases.jsonl") == (
        LabelledCase("a.jpg", "vqa", "q?", ("a",)),
    )


@pytest.mark.parametrize("line", ["{", "[]", '{"picture": "x"}', "3"])
def test_a_line_that_is_no_case_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "cases.jsonl").write_text(f"{line}\n")
    with pytest.raises(InvalidManifest, match="line 1"):
        read_labelled_cases(tmp_path / "cases.jsonl")


def test_relative_l2() -> None:
    one = np.ones(4, np.float32)
    assert relative_l2(one, one) == 0
    assert relative_l2(1.5 * one, one) == pytest.approx(0.5)
    assert relative_l2(one * np.nan, one) == float("inf")
    assert relative_l2(one[:2], one) == float("inf")
