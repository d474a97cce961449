"""The generated world that `otmv world` writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from artifact.task import CAPTION, REASON, VQA
from tuning.data.example import RETRIEVAL, DataExample
from tuning.data.fields import as_fields, text
from tuning.data.formats.contract import DataFormat, DataPart, examples_of
from tuning.data.formats.nlvr2 import truth_of
from tuning.data.json_records import line_records
from tuning.data.problems import Problems

_Make = Callable[[object], DataExample]
WHOLE = "all"
"""A world has one split: another one is another seed."""


def _question(record: object) -> DataExample:
    fields = as_fields(record)
    picture, question = text(fields, "image"), text(fields, "question")
    answers, kinds = (text(fields, "answer"),), (text(fields, "kind"),)
    return DataExample(f"{picture}: {question}", (picture,), question, answers, kinds)


def _caption(record: object) -> DataExample:
    fields = as_fields(record)
    picture = text(fields, "image")
    return DataExample(picture, (picture,), answers=(text(fields, CAPTION.name),))


def _statement(record: object) -> DataExample:
    fields = as_fields(record)
    pictures = (text(fields, "left"), text(fields, "right"))
    said, kinds = text(fields, "statement"), (text(fields, "kind"),)
    return DataExample(f"{pictures[1]}: {said}", pictures, said, truth_of(fields, "truth"), kinds)


_FILES: tuple[tuple[str, str, _Make], ...] = (
    (VQA.name, "vqa.jsonl", _question),
    (CAPTION.name, "caption.jsonl", _caption),
    (RETRIEVAL, "caption.jsonl", _caption),
    (REASON.name, "nlvr2.jsonl", _statement),
)


def _parts(folder: Path) -> list[DataPart]:
    return [
        DataPart(task, WHOLE, partial(_read, file, example), ("",))
        for task, name, example in _FILES
        if (file := folder / name).is_file()
    ]


def _read(file: Path, example: _Make, problems: Problems) -> Iterator[DataExample]:
    return examples_of(line_records(file, problems), example, problems)


WORLD = DataFormat(
    "world",
    "a generated world",
    "vqa.jsonl, caption.jsonl, nlvr2.jsonl",
    _parts,
    (
        frozenset({"image", "question", "answer", "kind"}),
        frozenset({"image", CAPTION.name, "objects"}),
        frozenset({"left", "right", "statement", "truth"}),
    ),
)
