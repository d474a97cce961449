"""The index files of BEiT-3: one JSON object a line, with token ids in place of words.

A question's soft targets become answers: a score of 0.3, 0.6, 0.9 or 1.0 stands for one, two, three
or four people who said so. The other annotators' answers are not in the file, so accuracies are not
those of the public evaluation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from artifact.scoring.measures import TRUTHS
from artifact.task import CAPTION, REASON, VQA
from tuning.data.example import RETRIEVAL, DataExample
from tuning.data.fields import Fields, as_fields, identity, numbers, text
from tuning.data.formats.contract import DataFormat, DataPart, examples_of
from tuning.data.json_records import line_records
from tuning.data.problems import BadRecord, ProblemKind, Problems

_LABELS = "answer2label.txt"
_PEOPLE = 4
_Make = Callable[[object], DataExample]


def read_labels(file: Path, problems: Problems) -> list[str]:
    """Read BEiT-3's list of answers: an object a line, its label the line's number."""
    found: list[str] = []
    for where, record in line_records(file, problems):
        try:
            fields = as_fields(record)
            answer, label = text(fields, "answer"), identity(fields, "label")
            if label != str(len(found)):
                raise BadRecord(f"label {label} stands where {len(found)} belongs")
            found.append(answer)
        except BadRecord as error:
            problems.add(ProblemKind.FILE, where, f"{error}: take the file as it was published")
            return found
    return found


def _question(labels: Sequence[str], record: object) -> DataExample:
    fields = as_fields(record)
    answers: list[str] = []
    if fields.get("labels"):
        for label, score in zip(numbers(fields, "labels"), _scores(fields), strict=True):
            if not 0 <= label < len(labels):
                raise BadRecord(f"label {label} is not in {_LABELS}", fields)
            answers += [labels[label]] * max(1, round(score * _PEOPLE - 0.4))
    key = identity(fields, "qid")
    return DataExample(key, (text(fields, "image_path"),), None, tuple(answers), (), _ids(fields))


def _scores(fields: Fields) -> list[float]:
    scores: Any = fields.get("scores")
    right = isinstance(scores, list) and all(isinstance(each, (int, float)) for each in scores)
    if not right or len(scores) != len(fields["labels"]):
        raise BadRecord('"scores" must have a number for each of "labels"', fields)
    return list(scores)


def _ids(fields: Fields) -> tuple[int, ...]:
    ids = numbers(fields, "text_segment")
    if not ids:
        raise BadRecord('"text_segment" is empty: take the record out', fields)
    return ids


def _statement(record: object) -> DataExample:
    fields = as_fields(record)
    pictures = (text(fields, "image_path"), text(fields, "image2_path"))
    label = fields.get("label")
    if label not in (0, 1):
        raise BadRecord('"label" must be 0 or 1', fields)
    key = identity(fields, "identifier")
    return DataExample(key, pictures, None, (TRUTHS[label],), (), _ids(fields))


def _picture(record: object) -> DataExample:
    fields = as_fields(record)
    secret = fields.get("text_segment") is None
    tokens = () if secret else _ids(fields)
    return DataExample(
        identity(fields, "image_id"), (text(fields, "image_path"),), None, (), (), tokens
    )


_FILES: tuple[tuple[str, str, _Make, dict[str, str]], ...] = (
    (REASON.name, "nlvr2.{}.index.jsonl", _statement, {"test-P": "test1"}),
    (CAPTION.name, "coco_captioning.{}.jsonl", _picture, {}),
    (RETRIEVAL, "coco_retrieval.{}.jsonl", _picture, {}),
    (RETRIEVAL, "flickr30k.{}.jsonl", _picture, {}),
)
_QUESTION_SPLITS = ("train", "val", "trainable_val", "rest_val", "test", "test-dev")
_SPLITS = ("train", "val", "dev", "test", "test-P")
_PLACES = ("", "images", "nlvr2", "coco")


def _parts(folder: Path) -> list[DataPart]:
    found = [
        DataPart(VQA.name, split, partial(_read_questions, file), _PLACES)
        for split in _QUESTION_SPLITS
        if _is_ours(file := folder / f"{VQA.name}.{split}.jsonl")
    ]
    return found + [
        DataPart(task, renamed.get(split, split), partial(_read, file, example), _PLACES)
        for task, name, example, renamed in _FILES
        for split in _SPLITS
        if _is_ours(file := folder / name.format(split))
    ]


def _is_ours(file: Path) -> bool:
    """Tell the file from one of our own JSONL with the same name."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        try:
            first = json.loads(opened.readline(1_000_000))
        except ValueError:
            return False
    return isinstance(first, dict) and "image_path" in first


def _read_questions(file: Path, problems: Problems) -> Iterator[DataExample]:
    labels = read_labels(file.with_name(_LABELS), problems)
    return _read(file, partial(_question, labels), problems)


def _read(file: Path, example: _Make, problems: Problems) -> Iterator[DataExample]:
    return examples_of(line_records(file, problems), example, problems)


BEIT3 = DataFormat(
    "beit3",
    "BEiT-3's index files",
    "vqa.train.jsonl, nlvr2.train.index.jsonl, coco_captioning.train.jsonl, …",
    _parts,
    (frozenset({"image_path", "text_segment"}),),
)
