"""easy-VQA, a package on PyPI: coloured shapes, 64 px, 13 answers.

Its train split is divided by picture: 500 pictures are `choose`, to search the ladder on, 500 are
`report`, the others `tune`. Which they are follows from their ids. Nothing but a last measurement
need read `test`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from artifact.task import VQA
from tuning.data.example import DataExample
from tuning.data.formats.contract import DataFormat, DataPart
from tuning.data.json_records import array_records
from tuning.data.problems import BadRecord, Problems

_DIVIDED = 500
"""Pictures of `choose`, and of `report`."""

_TUNE, _CHOOSE, _REPORT = _TRAIN_PARTS = ("tune", "choose", "report")
_LENGTH = 3
_CLOSED, _OPEN = "yes/no", "other"
"""Types of answers, as VQA v2 names them."""


def _parts(folder: Path) -> list[DataPart]:
    for data in (folder, folder / "data", folder / "easy_vqa/data"):
        if (data / "answers.txt").is_file():
            return [*_parts_of(folder, data)]
    return []


def _parts_of(folder: Path, data: Path) -> Iterator[DataPart]:
    for split, within in {"train": _TRAIN_PARTS, "test": ()}.items():
        file, places = data / split / "questions.json", (_images(folder, data, split), "")
        if file.is_file():
            yield DataPart(VQA.name, split, partial(_read, file), places)
            for part in within:
                yield DataPart(VQA.name, part, partial(_read_part, file, part), places)


def _read_part(file: Path, part: str, problems: Problems) -> Iterator[DataExample]:
    """Yield the questions about the pictures of a part of the train split."""
    examples = list(_read(file, problems))
    names = {each.pictures[0] for each in examples}
    ranked = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    chosen = {
        _CHOOSE: ranked[:_DIVIDED],
        _REPORT: ranked[_DIVIDED : 2 * _DIVIDED],
        _TUNE: ranked[2 * _DIVIDED :],
    }[part]
    wanted = frozenset(chosen)
    return (each for each in examples if each.pictures[0] in wanted)


def _images(folder: Path, data: Path, split: str) -> str:
    return str((data / split / "images").relative_to(folder))


def _read(file: Path, problems: Problems) -> Iterator[DataExample]:
    for number, (where, record) in enumerate(array_records(file, None, problems)):
        try:
            yield _example(number, record)
        except BadRecord as error:
            problems.bad_record(where, error)


def _example(number: int, record: Any) -> DataExample:
    right = isinstance(record, list) and len(record) == _LENGTH
    if not right or not isinstance(record[0], str) or type(record[2]) is not int:
        raise BadRecord("is not [question, answer, picture's number]", record)
    question, answer, picture = record
    if not isinstance(answer, str) or not answer or not question.strip():
        raise BadRecord("has no question or no answer: add it, or take the record out", record)
    kind = _CLOSED if answer in _CLOSED.split("/") else _OPEN
    return DataExample(str(number), (f"{picture}.png",), question, (answer,), (kind,))


EASY_VQA = DataFormat(
    "easy-vqa",
    "easy-VQA, the Python package",
    "answers.txt, train/questions.json",
    _parts,
    package="easy-vqa",
)
