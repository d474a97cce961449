from __future__ import annotations

from pathlib import Path

from loadtests.table4.program import run_all
from tests.loadtests.table4.made_up_speeds import a_setup, silent


def test_a_task_without_its_gallery_is_reported_and_the_next_goes_on(tmp_path: Path) -> None:
    measured = run_all(a_setup(tmp_path, ("vqa", "reason")), silent)
    assert measured.rows == []
    assert list(measured.failed) == ["vqa", "reason"]
    assert "manifest.json" in measured.failed["vqa"]
