"""Reading a folder to the end: what is in it, and everything that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from pictures.blocking import BlockingDecoder
from tuning.data.labels import outside
from tuning.data.pixels import why_unreadable
from tuning.data.problems import ProblemKind, Problems
from tuning.data.sets import DataFolder, DataSet

Report = Callable[[str, float], None]
"""Takes what is being done, and the share of it that is done."""

_AT_ONCE = 64
"""Pictures given to the decoders together."""


def read_parts(folder: DataFolder, problems: Problems, report: Report) -> Iterator[DataSet]:
    """Read every split of every task in turn."""
    for done, part in enumerate(folder.parts):
        report(f"reading {part.task} {part.split}", done / len(folder.parts))
        yield folder.read(part, problems)


def check_answers(data: DataSet, listed: Sequence[str], problems: Problems) -> None:
    """Note every answer of a data set that is not in a list."""
    for answer, times in outside(data, listed):
        where = f"{data.task} {data.split}"
        problems.add(ProblemKind.LABEL, where, f"{answer!r}, given {times:,} times")


@dataclass(frozen=True)
class CheckedPictures:
    """How many pictures were decoded, and which of them are bad."""

    count: int
    bad: frozenset[str]


def check_pictures(parts: Sequence[DataSet], problems: Problems, report: Report) -> CheckedPictures:
    """Decode every picture once, in worker processes with limits; note the bad ones."""
    paths = sorted(set().union(*(data.pictures for data in parts)))
    workers = os.cpu_count() or 1
    decoders: SimpleQueue[BlockingDecoder] = SimpleQueue()
    made = [BlockingDecoder() for _ in range(workers)]
    for each in made:
        decoders.put(each)

    def problem_of(path: str) -> str | None:
        decoder = decoders.get()
        try:
            return why_unreadable(Path(path), decoder)
        finally:
            decoders.put(decoder)

    bad = set()
    try:
        with ThreadPoolExecutor(workers) as pool:
            for start in range(0, len(paths), _AT_ONCE):
                some = paths[start : start + _AT_ONCE]
                for path, what in zip(some, pool.map(problem_of, some), strict=True):
                    if what is not None:
                        bad.add(path)
                        problems.add(ProblemKind.PICTURE, path, what)
                report("decoding pictures", (start + len(some)) / len(paths))
    finally:
        for each in made:
            each.close()
    return CheckedPictures(len(paths), frozenset(bad))
