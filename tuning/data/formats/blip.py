"""The index files of BLIP: an array of records for each task and split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from artifact.task import CAPTION, REASON, VQA
from tuning.data.example import RETRIEVAL, DataExample
from tuning.data.fields import as_fields, identity, one_or_more, text, texts
from tuning.data.formats.contract import DataFormat, DataPart, examples_of
from tuning.data.formats.nlvr2 import truth_of
from tuning.data.json_records import array_records
from tuning.data.problems import BadRecord, Problems

_Make = Callable[[object], DataExample]


def _question(record: object) -> DataExample:
    fields = as_fields(record)
    answers = texts(fields, "answer") if "answer" in fields else ()
    key = identity(fields, "question_id")
    return DataExample(key, (text(fields, "image"),), text(fields, "question"), answers)


def _captions(record: object) -> DataExample:
    fields = as_fields(record)
    picture, name = text(fields, "image"), CAPTION.name  # the field is called so, too
    several = isinstance(fields.get(name), list)
    captions = texts(fields, name) if several else one_or_more(fields, name, f"{name}s")
    key = identity(fields, "image_id") if "image_id" in fields else picture
    return DataExample(_coco_number(key), (picture,), answers=captions)


def _coco_number(key: str) -> str:
    """Return a picture's number where its name ends in one, as COCO's do."""
    digits = Path(key).stem.rpartition("_")[2]
    return str(int(digits)) if digits.isdigit() else key


def _statement(record: object) -> DataExample:
    fields = as_fields(record)
    pictures = texts(fields, "images")
    if len(pictures) != REASON.pictures:
        raise BadRecord(f'"images" names {len(pictures)} pictures, not two', fields)
    key = identity(fields, "identifier") if "identifier" in fields else "-".join(pictures)
    return DataExample(key, pictures, text(fields, "sentence"), truth_of(fields, "label"))


_FILES: tuple[tuple[str, str, _Make, tuple[str, ...]], ...] = (
    (VQA.name, "vqa_{}.json", _question, ("train", "val", "test")),
    (CAPTION.name, "coco_karpathy_{}.json", _captions, ("train", "val", "test")),
    (RETRIEVAL, "coco_karpathy_{}.json", _captions, ("train", "val", "test")),
    (RETRIEVAL, "flickr30k_{}.json", _captions, ("train", "val", "test")),
    (REASON.name, "nlvr_{}.json", _statement, ("train", "dev", "test")),
)
_PLACES = ("", "images", "coco", "coco/images", "nlvr2", "flickr30k")


def _parts(folder: Path) -> list[DataPart]:
    return [
        DataPart(task, split, partial(_read, file, example), _PLACES)
        for task, name, example, splits in _FILES
        for split in splits
        if (file := folder / name.format(split)).is_file()
    ]


def _read(file: Path, example: _Make, problems: Problems) -> Iterator[DataExample]:
    return examples_of(array_records(file, None, problems), example, problems)


BLIP = DataFormat(
    "blip",
    "BLIP's index files",
    "vqa_train.json, coco_karpathy_train.json, nlvr_train.json, …",
    _parts,
    (
        frozenset({"question_id", "question", "image"}),
        frozenset({"images", "sentence", "label"}),
    ),
)
