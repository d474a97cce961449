"""Reading the small sets, as many tests do."""

from __future__ import annotations

from pathlib import Path

from tests.tuning.data.small_sets import SETS
from tuning.data.example import DataExample
from tuning.data.problems import DataProblem
from tuning.data.sets import DataSet, load, open_folder

Parts = dict[tuple[str, str], DataSet]


def written(name: str, folder: Path) -> Path:
    SETS[name](folder / name)
    return folder / name


def read_all(folder: Path, format_name: str | None = None) -> tuple[Parts, list[DataProblem]]:
    found: list[DataProblem] = []
    opened = open_folder(folder, format_name)
    problems = opened.problems(found.append)
    return {(p.task, p.split): opened.read(p, problems) for p in opened.parts}, found


def load_all(folder: Path) -> None:
    opened = open_folder(folder)
    for part in opened.parts:
        load(opened, part.task, part.split, opened.problems())


def first(name: str, folder: Path, task: str, split: str) -> DataExample:
    parts, problems = read_all(written(name, folder))
    assert not problems
    example = parts[task, split].examples[0]
    assert all(Path(each).is_file() for each in example.pictures)
    return example
