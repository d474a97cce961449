"""What a reader gives: the parts of a folder it knows, and the examples of each."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuning.data.example import DataExample
from tuning.data.json_records import Placed
from tuning.data.problems import BadRecord, Problems


@dataclass(frozen=True)
class DataPart:
    """One split of one task.

    Attributes:
        task: the task, or `RETRIEVAL`.
        split: its name in this project.
        read: yields its examples; what is broken is noted and skipped.
        pictures: where its pictures may lie, from the data's folder or the given picture folder on.
    """

    task: str
    split: str
    read: Callable[[Problems], Iterator[DataExample]]
    pictures: tuple[str, ...] = ("", "images")


@dataclass(frozen=True)
class DataFormat:
    """A public format, or our own.

    Attributes:
        name: as `--format` and recipes write it.
        about: what it is, in a few words.
        files: the files by which a folder is known to hold it.
        parts: from a folder to the splits found in it, in order; none: it holds another format.
        fields: of its records, those by which they are told from others.
        package: the Python package that brings such data, if there is one.
    """

    name: str
    about: str
    files: str
    parts: Callable[[Path], list[DataPart]]
    fields: tuple[frozenset[str], ...] = ()
    package: str | None = None

    def installed(self) -> Path | None:
        """Return the folder of the Python package that brings such data, if it is installed."""
        spec = importlib.util.find_spec(self.package.replace("-", "_")) if self.package else None
        return Path(spec.origin).parent if spec and spec.origin else None


def examples_of(
    records: Iterable[Placed], example: Callable[[Any], DataExample], problems: Problems
) -> Iterator[DataExample]:
    """Yield an example for every record; one that is not what its format asks is noted."""
    for where, record in records:
        try:
            yield example(record)
        except BadRecord as error:
            problems.bad_record(where, error)
