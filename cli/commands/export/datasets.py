"""The examples of an export from a data set: one split chooses the ladder, another reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from artifact.errors import TextError
from artifact.preprocess import TextCodec
from cli.commands.export.splits import SOURCES
from cli.commands.export.tasks.source import ExampleSource
from exporters.describe import text_record
from exporters.examples import Example
from exporters.export import Splits
from models.checkpoint import Checkpoint
from pictures.blocking import BlockingDecoder
from tuning.data.example import DataExample
from tuning.data.pixels import why_unreadable
from tuning.data.problems import DataError, ProblemKind, Problems
from tuning.data.sets import DataFolder, DataSet, check_apart, load

MOST_SEARCHED = 2400
"""Requests of a task that the ladder is searched on: their hidden states are kept in memory."""

Usable = Callable[[DataExample], bool]


def splits_of(
    checkpoint: Checkpoint, folder: DataFolder, chooses: str, reports: str, most: int
) -> tuple[Splits, Problems]:
    """Return examples of two splits, and what had to be left out.

    Args:
        checkpoint: which tasks there are, and which texts can be read.
        folder: the data.
        chooses: the split that the ladder is searched on, and golden cases come from.
        reports: the split that quality is reported on.
        most: examples of each task that are reported on.

    Raises:
        DataError: there is no such split, the two share pictures, or neither has a task of the
            checkpoint whose answers can be told right from wrong.
    """
    problems = folder.problems()
    search: list[Example] = []
    report: list[Example] = []
    golden: list[Example] = []
    tasks = checkpoint.model.config.tasks
    sources = {source.task: source for source in SOURCES if source.of_data is not None}
    both = [task for task in dict.fromkeys(p.task for p in folder.parts) if task in sources]
    with BlockingDecoder() as decoder:
        usable = _usable(checkpoint, decoder, problems)
        for task in (each for each in both if each in tasks):
            searched, reported = (load(folder, task, name, problems) for name in (chooses, reports))
            check_apart(searched, reported)
            found = list(islice(_examples(sources[task], searched, usable), MOST_SEARCHED))
            search += found[:: sources[task].search_every]
            golden += found[: sources[task].golden_cases]
            report += islice(_examples(sources[task], reported, usable), most)
    if not search or not report:
        named = ", ".join(name for name in sources if name in tasks)
        raise DataError(f"{folder.path} has no usable example for {named}", "give other data")
    names = (f"{folder.format.name} {chooses}", f"{folder.format.name} {reports}")
    return Splits(search, report, golden, names), problems


def _examples(source: ExampleSource, data: DataSet, usable: Usable) -> Iterator[Example]:
    """Yield a split's usable examples, as they come; a picture's bytes are read once."""
    files: dict[str, bytes] = {}

    def picture(name: str) -> bytes:
        if name not in files:
            files[name] = Path(name).read_bytes()
        return files[name]

    if source.of_data is None:
        return
    for example in data.examples:
        if example.answers and usable(example):
            yield source.of_data(example, picture)


def _usable(checkpoint: Checkpoint, decoder: BlockingDecoder, problems: Problems) -> Usable:
    """Return what tells whether a text can be read and pictures decoded; what cannot is noted."""
    codec = TextCodec(checkpoint.tokenizer, text_record(checkpoint))
    seen: dict[str, str | None] = {}

    def decodes(path: str) -> bool:
        if path not in seen:
            seen[path] = why_unreadable(Path(path), decoder)
            if what := seen[path]:
                problems.add(ProblemKind.PICTURE, path, what)
        return seen[path] is None

    def usable(example: DataExample) -> bool:
        try:
            codec.encode_question(example.text or "")
        except TextError as error:
            problems.add(ProblemKind.RECORD, example.id, str(error))
            return False
        return all(map(decodes, example.pictures))

    return usable
