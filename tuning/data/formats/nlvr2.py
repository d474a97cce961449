"""NLVR2: statements about two photographs, one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from artifact.scoring.measures import TRUTHS
from artifact.task import REASON
from tuning.data.example import DataExample
from tuning.data.fields import Fields, as_fields, identity, text
from tuning.data.formats.contract import DataFormat, DataPart, examples_of
from tuning.data.json_records import line_records
from tuning.data.problems import BadRecord, Problems

_FOLDERS = ("", "data", "nlvr2/data")
_SPLITS = ("train", "dev", "test1", "test2")
"""`test1` is the paper's test-P; `test2`, test-U, is not public."""


def _parts(folder: Path) -> list[DataPart]:
    found = []
    for split in _SPLITS:
        for inside in _FOLDERS:
            file = folder / inside / f"{split}.json"
            if _is_ours(file):
                places = (f"images/{split}", split, "images", "")
                found.append(DataPart(REASON.name, split, partial(_read, file), places))
                break
    return found


def _is_ours(file: Path) -> bool:
    """Tell lines of statements from other sets' `train.json`."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        line = opened.readline(1_000_000)
    return line.lstrip().startswith(b"{") and b'"identifier"' in line


def _read(file: Path, problems: Problems) -> Iterator[DataExample]:
    return examples_of(line_records(file, problems), _example, problems)


def _example(record: object) -> DataExample:
    fields = as_fields(record)
    name = text(fields, "identifier")
    pair, _, sentence = name.rpartition("-")
    if not pair or not sentence:
        raise BadRecord(f'"identifier" is {name!r}, not split-set-pair-sentence', fields)
    folder = f"{identity(fields, 'directory')}/" if "directory" in fields else ""
    pictures = tuple(f"{folder}{pair}-img{side}.png" for side in (0, 1))
    return DataExample(name, pictures, text(fields, "sentence"), truth_of(fields, "label"))


def truth_of(fields: Fields, name: str) -> tuple[str, ...]:
    """Return what our labels call the truth that a field states.

    Raises:
        BadRecord: it is missing or states none.
    """
    value = fields.get(name)
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower())
    if value not in (True, False):
        raise BadRecord(f'"{name}" must be true or false', fields)
    return (TRUTHS[bool(value)],)


NLVR2 = DataFormat(
    "nlvr2",
    "NLVR2",
    "train.json, dev.json, test1.json",
    _parts,
    (frozenset({"sentence", "label", "identifier"}),),
)
