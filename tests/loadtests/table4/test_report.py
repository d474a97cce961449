from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from loadtests.kit.errors import BenchError
from loadtests.table4.program import Table4Results
from loadtests.table4.report import facts, read_direct, table
from loadtests.table4.rows import MethodSpeed, speeds
from models.comparators.methods import FULL
from tests.loadtests.table4.made_up_speeds import a_setup, a_speed


def test_the_table_has_ours_the_ideal_and_the_papers() -> None:
    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as shown:
        console.print(table([a_speed("otmv", 1.62, 1.71), a_speed("literal", 0.99, 1.0)], "vqa"))
    text = shown.get()
    assert "vqa: speed over full fine-tuning" in text
    assert "paper, A100, BEiT-3 Large" in text
    (otmv,) = [line for line in text.splitlines() if line.startswith("│ OTMV ")]
    cells = [cell.strip() for cell in otmv.strip("│").split("│")]
    assert cells[:6] == ["OTMV", "1.62", "1.61 to 1.63", "1.71", "0.95", "1.63"]
    assert "OTMV, one key block" in text


def test_the_file_is_what_the_live_table_reads(tmp_path: Path) -> None:
    rows = [MethodSpeed("vqa", FULL, 9, (2.0, 2.0)), MethodSpeed("vqa", "otmv", 6, (1.0, 1.6))]
    measured = Table4Results(rows, {"reason": "it broke"}, "onnxruntime 1", {"vqa": 0.1})
    found = facts(a_setup(tmp_path), measured, speeds(rows))
    path = tmp_path / "table4.json"
    path.write_text(json.dumps(found))
    assert read_direct(path) == {("vqa", FULL): 1.0, ("vqa", "otmv"): 1.625}
    assert found["preset"]["work"] == {"vqa": {"image_px": 224, "batch": 4, "words": 0}}
    assert found["failures"] == ["reason: it broke"]
    otmv = found["rows"][1]
    assert otmv["pass"]["values"] == [1.0, 1.6]
    assert (otmv["ideal"], otmv["paper"]) == (1.5, 1.63)
    assert otmv["note"].startswith("the paper's")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "No such file or directory: write it with `--json`"),
        ("{", "is no result of `otmv bench table4 --json`"),
        ('{"rows": [{"task": "vqa"}]}', "is no result of"),
    ],
)
def test_a_file_that_is_no_measured_table_is_reported(
    text: str | None, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "table4.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BenchError, match=problem):
        read_direct(path)
