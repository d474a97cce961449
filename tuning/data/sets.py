"""Data sets as the rest of the program sees them: a folder's splits, and the examples of one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tuning.data.example import DataExample
from tuning.data.formats import FORMATS, looks_like
from tuning.data.formats.contract import DataFormat, DataPart
from tuning.data.picture_files import PictureFolders
from tuning.data.problems import DataError, DataProblem, ProblemKind, Problems
from tuning.data.table import ExampleTable

_OnProblem = Callable[[DataProblem], None]
_SHOWN = 6
"""File names that an error message lists."""


@dataclass(frozen=True)
class DataSet:
    """One split of one task, read.

    Attributes:
        format: name of its format.
        folder: where it was read.
        task: the task, or `RETRIEVAL`.
        split: its name.
        examples: with the full paths of pictures that are there.
        left_out: examples whose pictures are not there.
    """

    format: str
    folder: Path
    task: str
    split: str
    examples: ExampleTable
    left_out: int

    @property
    def name(self) -> str:
        """What manifests and messages call it."""
        return f"{self.format} {self.split} ({self.folder.name})"

    @property
    def pictures(self) -> frozenset[str]:
        """The paths of all its pictures."""
        names = self.examples.picture_names
        return frozenset(names[at] for at in range(len(names)))


@dataclass(frozen=True)
class DataFolder:
    """A folder whose format is known.

    Attributes:
        path: the folder.
        format: what it holds.
        parts: the splits found in it.
        pictures: where pictures are looked for first.
    """

    path: Path
    format: DataFormat
    parts: tuple[DataPart, ...]
    pictures: Path | None = None

    def part(self, task: str, split: str | None) -> DataPart:
        """Return the split of a task; None: the only one.

        Raises:
            DataError: there is no such split, or several and none was named.
        """
        of_task = [part for part in self.parts if part.task == task]
        if not of_task:
            there = ", ".join(dict.fromkeys(part.task for part in self.parts))
            raise DataError(f"{self.path} holds nothing for {task}", f"it is for {there}")
        names = ", ".join(part.split for part in of_task)
        if split is None and len(of_task) > 1:
            raise DataError(f"{self.path} has several splits", f"choose one (--split): {names}")
        for part in of_task:
            if split in (None, part.split):
                return part
        raise DataError(f"{self.path} has no split {split!r} for {task}", f"it has {names}")

    def problems(self, on_problem: _OnProblem | None = None) -> Problems:
        """Return what gathers the problems of one reading."""
        return Problems(on_problem, lambda record: looks_like(record, self.format))

    def read(self, part: DataPart, problems: Problems) -> DataSet:
        """Read a split; what is broken is noted and left out."""
        bases = [self.path] if self.pictures is None else [self.pictures, self.path]
        folders = PictureFolders([base / place for base in bases for place in part.pictures])
        with_pictures = _WithPictures(part.read(problems), folders, problems)
        table = ExampleTable(with_pictures)
        return DataSet(
            self.format.name, self.path, part.task, part.split, table, with_pictures.left_out
        )


def open_folder(
    where: str | Path, format_name: str | None = None, pictures: Path | None = None
) -> DataFolder:
    """Find out what a folder holds.

    Args:
        where: the folder, or the name of a format whose Python package is installed.
        format_name: of `FORMATS`; None: found out from the folder's files.
        pictures: where its pictures lie, if not in the folder.

    Raises:
        DataError: there is no such folder or format, or the folder holds none or several.
    """
    if format_name is not None and format_name not in FORMATS:
        raise DataError(f"no format {format_name!r}", f"there are {', '.join(FORMATS)}")
    if pictures is not None and not pictures.is_dir():
        raise DataError(f"{pictures} is no folder", "name the folder of pictures (--pictures)")
    folder = _folder(where)
    found = {name: parts for name, each in FORMATS.items() if (parts := each.parts(folder))}
    if format_name is None:
        if len(found) != 1:
            raise _undecided(folder, tuple(found))
        (format_name,) = found
    elif format_name not in found:
        raise _not_held(folder, FORMATS[format_name], tuple(found))
    return DataFolder(folder, FORMATS[format_name], tuple(found[format_name]), pictures)


def load(folder: DataFolder, task: str, split: str | None, problems: Problems) -> DataSet:
    """Read a split that is to be tuned on or measured on.

    Raises:
        DataError: there is no such split, a file is broken, or nothing is left to use.
    """
    data = folder.read(folder.part(task, split), problems)
    if broken := problems.first(ProblemKind.FILE):
        raise DataError(str(broken[0]), f"otmv data check {folder.path} names everything")
    if not len(data.examples):
        first = [str(each) for kind in ProblemKind for each in problems.first(kind)[:1]]
        raise DataError(f"{data.name} has no usable example", first[0] if first else "it is empty")
    return data


def check_apart(chooses: DataSet, reports: DataSet) -> None:
    """Refuse to choose by pictures that are reported on.

    Raises:
        DataError: the two splits share pictures.
    """
    if shared := len(chooses.pictures & reports.pictures):
        raise DataError(
            f"{shared:,} pictures are in {chooses.split}, which chooses, and in {reports.split}, "
            "which reports",
            "take splits that share none",
        )


def _folder(where: str | Path) -> Path:
    folder = Path(where)
    if folder.is_dir():
        return folder
    if folder.exists():
        raise DataError(f"{folder} is a file", "name the folder that it lies in")
    known = FORMATS.get(str(where))
    installed = known.installed() if known else None
    if installed is None:
        package = known.package if known else None
        fix = f"pip install {package}" if package else "name the data's folder"
        raise DataError(f"there is no folder {folder}", fix)
    return installed


def _undecided(folder: Path, found: tuple[str, ...]) -> DataError:
    if found:
        problem = f"{folder} holds several formats: {', '.join(found)}"
        return DataError(problem, "choose one (--format)")
    names = ", ".join(FORMATS)
    return DataError(
        f"{folder} holds no data of a known format ({_listing(folder)})",
        f"give --format ({names}), or write JSONL (docs/offline/data.md)",
    )


def _not_held(folder: Path, wanted: DataFormat, found: tuple[str, ...]) -> DataError:
    problem = f"{folder} holds no {wanted.about}, which is {wanted.files}"
    if found:
        return DataError(problem, f"it looks like {' or '.join(found)}: --format {found[0]}")
    return DataError(problem, f"it has {_listing(folder)}")


def _listing(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "nothing"


class _WithPictures:
    """Examples whose pictures are there, with their paths; the others are counted."""

    def __init__(
        self, examples: Iterable[DataExample], folders: PictureFolders, problems: Problems
    ) -> None:
        self.left_out = 0
        self._examples, self._folders, self._problems = examples, folders, problems
        self._found: dict[str, str | None] = {}

    def __iter__(self) -> Iterator[DataExample]:
        for example in self._examples:
            paths = [self._path(name) for name in example.pictures]
            if None in paths:
                self.left_out += 1
                continue
            pictures = tuple(path for path in paths if path is not None)
            yield dataclasses.replace(example, pictures=pictures)

    def _path(self, name: str) -> str | None:
        if name not in self._found:
            found = self._folders.find(name)
            if isinstance(found, str):
                self._problems.add(ProblemKind.PICTURE, name, found)
            self._found[name] = None if isinstance(found, str) else str(found)
        return self._found[name]
