"""Speeds and tasks of a made-up measurement."""

from __future__ import annotations

from pathlib import Path

from loadtests.table4.presets import CPU
from loadtests.table4.program import Table4Bench
from loadtests.table4.rows import Speed
from models.comparators.methods import FULL
from monitoring.table4 import paper_speed


def silent(what: str, share: float) -> None:
    assert 0 <= share <= 1


def a_speed(method: str, median: float, ideal: float, task: str = "vqa") -> Speed:
    quartiles = (median - 0.01, median, median + 0.01)
    return Speed(task, method, quartiles, ideal, 15, paper_speed(method, task))


def a_setup(folder: Path, tasks: tuple[str, ...] = ("vqa",)) -> Table4Bench:
    return Table4Bench(CPU, tasks, [FULL, "otmv"], folder, "onnxruntime", 2, 3)
