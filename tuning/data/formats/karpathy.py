"""COCO and Flickr30k captions in Karpathy's splits: one file each, with all splits in it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from artifact.task import CAPTION
from tuning.data.example import RETRIEVAL, DataExample
from tuning.data.fields import Fields, as_fields, identity, records, text
from tuning.data.formats.contract import DataFormat, DataPart, examples_of
from tuning.data.json_records import array_records
from tuning.data.problems import BadRecord, Problems

_SPLITS = {"train": ("train", "restval"), "val": ("val",), "test": ("test",)}
"""`restval` are pictures of COCO's val that everyone trains on."""


def _parts(name: str, pictures: tuple[str, ...], folder: Path) -> list[DataPart]:
    file = folder / f"dataset_{name}.json"
    if not file.is_file():
        return []
    return [
        DataPart(task, split, partial(_read, file, within), pictures)
        for task in (CAPTION.name, RETRIEVAL)
        for split, within in _SPLITS.items()
    ]


def _read(file: Path, within: tuple[str, ...], problems: Problems) -> Iterator[DataExample]:
    wanted = (
        (where, record)
        for where, record in array_records(file, "images", problems)
        if not isinstance(record, dict) or record.get("split", within[0]) in within
    )
    return examples_of(wanted, _example, problems)


def _example(record: object) -> DataExample:
    fields = as_fields(record)
    text(fields, "split")
    name = text(fields, "filename")
    picture = f"{text(fields, 'filepath')}/{name}" if "filepath" in fields else name
    captions = tuple(text(each, "raw") for each in records(fields, "sentences"))
    if not captions:
        raise BadRecord('"sentences" is empty: add captions, or take the picture out', fields)
    return DataExample(_number(fields), (picture,), answers=captions)


def _number(fields: Fields) -> str:
    """Return what result files call a picture: COCO's own number where there is one."""
    return identity(fields, "cocoid" if "cocoid" in fields else "imgid")


_FIELDS = (frozenset({"filename", "split", "sentences"}),)

COCO = DataFormat(
    "coco",
    "COCO captions, Karpathy's splits",
    "dataset_coco.json",
    partial(_parts, "coco", ("", "images", "coco", "coco/images")),
    _FIELDS,
)
FLICKR30K = DataFormat(
    "flickr30k",
    "Flickr30k captions, Karpathy's splits",
    "dataset_flickr30k.json",
    partial(_parts, "flickr30k", ("flickr30k-images", "flickr30k_images", "images", "")),
    _FIELDS,
)
