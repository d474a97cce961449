"""JSONL of your own: `TASK.SPLIT.jsonl`, one example a line (docs/offline/data.md)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from artifact.task import CAPTION, REASON, VQA
from tuning.data.example import RETRIEVAL, DataExample
from tuning.data.fields import Fields, as_fields, identity, one_or_more, text, texts
from tuning.data.formats.contract import DataFormat, DataPart, examples_of
from tuning.data.formats.nlvr2 import truth_of
from tuning.data.json_records import line_records
from tuning.data.problems import BadRecord, Problems

_Make = Callable[[object], DataExample]
_KINDS = ("question_type", "answer_type")


def _question(record: object) -> DataExample:
    fields = as_fields(record)
    picture, question = text(fields, "image"), text(fields, "question")
    answers = one_or_more(fields, "answer", "answers")
    kinds = tuple(text(fields, name) for name in _KINDS if name in fields)
    key = _key(fields, f"{picture}: {question}")
    return DataExample(key, (picture,), question, answers, kinds)


def _captions(record: object) -> DataExample:
    fields = as_fields(record)
    picture = text(fields, "image")
    captions = one_or_more(fields, CAPTION.name, f"{CAPTION.name}s")
    return DataExample(_key(fields, picture), (picture,), answers=captions)


def _statement(record: object) -> DataExample:
    fields = as_fields(record)
    pictures = texts(fields, "images")
    if len(pictures) != REASON.pictures:
        raise BadRecord(f'"images" names {len(pictures)} pictures: name two', fields)
    said = text(fields, "statement")
    key = _key(fields, f"{', '.join(pictures)}: {said}")
    return DataExample(key, pictures, said, truth_of(fields, "truth"))


def _key(fields: Fields, otherwise: str) -> str:
    return identity(fields, "id") if "id" in fields else otherwise


_MAKERS: Mapping[str, _Make] = MappingProxyType(
    dict(
        [
            (VQA.name, _question),
            (CAPTION.name, _captions),
            (REASON.name, _statement),
            (RETRIEVAL, _captions),
        ]
    )
)
_NAME = re.compile(rf"({'|'.join(_MAKERS)})\.([\w-]+)\.jsonl")
_INDEX_OF_OTHERS = re.compile(rb'"image_path"\s*:')


def _parts(folder: Path) -> list[DataPart]:
    found = []
    for file in sorted(folder.glob("*.jsonl")):
        name = _NAME.fullmatch(file.name)
        if name and file.is_file() and not _is_an_index(file):
            task, split = name.groups()
            found.append(DataPart(task, split, partial(_read, file, _MAKERS[task])))
    return found


def _is_an_index(file: Path) -> bool:
    """Tell BEiT-3's files, which have the same names."""
    with file.open("rb") as opened:
        return _INDEX_OF_OTHERS.search(opened.readline(1_000_000)) is not None


def _read(file: Path, example: _Make, problems: Problems) -> Iterator[DataExample]:
    return examples_of(line_records(file, problems), example, problems)


JSONL = DataFormat(
    "jsonl",
    "JSONL of your own",
    "vqa.SPLIT.jsonl, caption.SPLIT.jsonl, reason.SPLIT.jsonl, retrieval.SPLIT.jsonl",
    _parts,
    (
        frozenset({"image", "question"}),
        frozenset({"image", "captions"}),
        frozenset({"images", "statement", "truth"}),
    ),
)
