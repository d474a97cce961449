"""VQA v2: one file of questions and one of annotations for each split.

The dev split is ours to draw, as ViLT and BEiT-3 do: the questions of 1,000 pictures of `val` are
`rest_val`, to choose by; the others are `trainable_val`. Which pictures they are follows from their
ids, so everyone who reads the files holds out the same ones; the papers' lists are not public.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from artifact.task import VQA
from tuning.data.example import DataExample
from tuning.data.fields import Fields, as_fields, identity, records, text
from tuning.data.formats.contract import DataFormat, DataPart, examples_of
from tuning.data.json_records import array_records
from tuning.data.problems import BadRecord, ProblemKind, Problems

HELD_OUT = 1000
"""Pictures of `val` that the dev split holds out."""

_FOLDERS = ("", "annotations", "questions")
_QUESTIONS = "v2_OpenEnded_mscoco_{}_questions.json"
_ANNOTATIONS = "v2_mscoco_{}_annotations.json"
_SPLITS = {"train": "train2014", "val": "val2014", "test": "test2015", "test-dev": "test-dev2015"}
_SECRET = frozenset({"test", "test-dev"})
"""Splits whose answers only the public evaluation server knows."""
_DEV = {"trainable_val": False, "rest_val": True}

_Asked = dict[str, tuple[str, str]]
"""Question id to picture and question."""


def _parts(folder: Path) -> list[DataPart]:
    found = []
    for split, year in _SPLITS.items():
        questions = _file(folder, _QUESTIONS.format(year))
        if questions is None:
            continue
        answers = _file(folder, _ANNOTATIONS.format(year))
        if answers is None and split not in _SECRET:
            answers = questions.with_name(_ANNOTATIONS.format(year))  # read in vain, and said so
        pictures = year.replace("-dev", "")
        places = (pictures, f"images/{pictures}", f"coco/{pictures}", "images", "")
        for name, held in {split: None, **(_DEV if split == "val" else {})}.items():
            read = partial(_read, questions, answers, pictures, held)
            found.append(DataPart(VQA.name, name, read, places))
    return found


def _file(folder: Path, name: str) -> Path | None:
    return next((path for inside in _FOLDERS if (path := folder / inside / name).is_file()), None)


def _read(
    questions: Path, answers: Path | None, pictures: str, held: bool | None, problems: Problems
) -> Iterator[DataExample]:
    """Yield a split's questions; of the dev split, those of the pictures held out or kept."""
    asked = _asked(questions, pictures, problems)
    if held is not None:
        out = held_out({picture for picture, _ in asked.values()})
        asked = {key: each for key, each in asked.items() if (each[0] in out) == held}
    if answers is None:
        for key, (picture, question) in asked.items():
            yield DataExample(key, (picture,), question)
        return
    yield from _answered(asked, answers, held is None, problems)
    for key in asked if not problems.is_broken(answers) else ():  # their answers may be in the rest
        problems.add(
            ProblemKind.RECORD,
            f"{questions.name}, question {key}",
            f"has no answers in {answers.name}: add them, or take the question out",
        )


def _answered(
    asked: _Asked, answers: Path, whole: bool, problems: Problems
) -> Iterator[DataExample]:
    """Yield questions as their annotations come; what is left in `asked` has none."""

    def example(record: object) -> DataExample:
        fields = as_fields(record)
        key = identity(fields, "question_id")
        picture, question = asked.pop(key)
        return _example(key, picture, question, fields)

    wanted = (
        (where, record)
        for where, record in array_records(answers, "annotations", problems)
        if whole or not isinstance(record, dict) or str(record.get("question_id")) in asked
    )
    for where, record in wanted:
        try:
            yield example(record)
        except BadRecord as error:
            problems.bad_record(where, error)
        except KeyError as error:
            what = f"question {error} is not among the questions, or comes twice"
            problems.add(ProblemKind.RECORD, where, f"{what}: take the annotation out")


def _example(key: str, picture: str, question: str, fields: Fields) -> DataExample:
    given = tuple(text(each, "answer") for each in records(fields, "answers"))
    if not given:
        raise BadRecord('"answers" is empty: add them, or take the annotation out', fields)
    kinds = (text(fields, "question_type"), text(fields, "answer_type"))
    return DataExample(key, (picture,), question, given, kinds)


def _asked(questions: Path, pictures: str, problems: Problems) -> _Asked:
    """Read all questions of a file."""

    def example(record: object) -> DataExample:
        fields = as_fields(record)
        number = identity(fields, "image_id")
        if not number.isdigit():
            raise BadRecord(f'"image_id" is {number!r}, not a number', record)
        picture = f"COCO_{pictures}_{int(number):012d}.jpg"
        return DataExample(identity(fields, "question_id"), (picture,), text(fields, "question"))

    found = examples_of(array_records(questions, "questions", problems), example, problems)
    return {each.id: (each.pictures[0], each.text or "") for each in found}


def held_out(pictures: set[str]) -> frozenset[str]:
    """Return the pictures that `rest_val` holds out: those whose names' SHA-256 is smallest."""
    ranked = sorted(pictures, key=lambda name: hashlib.sha256(name.encode()).digest())
    return frozenset(ranked[:HELD_OUT])


VQAV2 = DataFormat(
    "vqav2",
    "VQA v2",
    _QUESTIONS.format("*"),
    _parts,
    (
        frozenset({"question_id", "image_id", "question"}),
        frozenset({"question_id", "image_id", "multiple_choice_answer"}),
    ),
)
