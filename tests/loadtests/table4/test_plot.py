from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.table4.plot import plot
from models.comparators.methods import FULL
from tests.loadtests.table4.made_up_speeds import a_speed


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    tasks: tuple[str, ...] = ("vqa", "caption")
    found = [a_speed(name, 1.2, 1.3, task) for task in tasks for name in (FULL, "otmv", "vlpet")]
    plot(found, "cpu", tmp_path / "table4.png")
    assert (tmp_path / "table4.png").read_bytes().startswith(b"\x89PNG")
