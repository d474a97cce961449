"""easy-VQA, a package on PyPI: coloured shapes, 64 px, 13 answers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from artifact.task import VQA
from tuning.data.example import DataExample
from tuning.data.formats.contract import DataFormat, DataPart
from tuning.data.json_records import array_records
from tuning.data.problems import BadRecord, Problems

_SPLITS = ("train", "test")
_LENGTH = 3


def _parts(folder: Path) -> list[DataPart]:
    for data in (folder, folder / "data", folder / "easy_vqa/data"):
        if (data / "answers.txt").is_file():
            return [
                DataPart(VQA.name, split, partial(_read, file), (_images(folder, data, split), ""))
                for split in _SPLITS
                if (file := data / split / "questions.json").is_file()
            ]
    return []


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
    return DataExample(str(number), (f"{picture}.png",), question, (answer,))


EASY_VQA = DataFormat(
    "easy-vqa",
    "easy-VQA, the Python package",
    "answers.txt, train/questions.json",
    _parts,
    package="easy-vqa",
)
