"""The data of a task: what is tuned on, what chooses, and the answers that are known."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from artifact.task import TASKS, TaskName
from tuning.data.example import DataExample
from tuning.data.labels import read_answer_list
from tuning.data.problems import DataError, Problems
from tuning.data.sets import DataSet, load, open_folder
from tuning.data.table import ExampleTable
from tuning.recipes.sets import TunedOn

FROM_DATA = "data"
"""In place of a list of answers: those of the tuning data."""


@dataclass(frozen=True)
class TaskData:
    """What one task is tuned on and looked at with.

    Attributes:
        said: the recipe's words.
        tuned: examples that are tuned on; a picture with several captions is one for each.
        chooses: examples that are looked at; None: nothing is.
        problems: of both, and of pictures found bad later.
    """

    said: TunedOn
    tuned: DataSet
    chooses: DataSet | None
    problems: Problems

    @property
    def several_people(self) -> bool:
        """Whether some example has more than one answer."""
        return any(len(each.answers) > 1 for each in self.tuned.examples[:1000])

    @property
    def texts(self) -> Iterator[str]:
        """Every text and answer that is tuned on."""
        for each in self.tuned.examples:
            if each.text is not None:
                yield each.text
            yield from each.answers


def read_task_data(task: TaskName, said: TunedOn) -> TaskData:
    """Read what a recipe names.

    Raises:
        DataError: it cannot be read, is too small, or tunes and chooses with the same pictures.
    """
    folder = open_folder(
        said.data, said.format, None if said.pictures is None else Path(said.pictures)
    )
    problems = folder.problems()
    tuned = with_answers(_joined([load(folder, task, split, problems) for split in said.splits]))
    chooses = None
    if said.chooses is not None:
        chooses = load(folder, task, said.chooses, problems)
        if shared := len(tuned.pictures & chooses.pictures):
            problem = f"{shared:,} pictures are in {tuned.split}, which is tuned on"
            raise DataError(f"{problem}, and in {chooses.split}, which chooses", "use hold_out")
    elif said.hold_out is not None:
        tuned, chooses = _held_out(tuned, said.hold_out)
    if said.repeats:
        tuned = _repeated(tuned, said.repeats)
    if said.data_share < 1:
        tuned = _shared_out(tuned, said.data_share)
    if TASKS[task].writes:
        tuned = _with(tuned, _one_caption_each(tuned.examples))
    if len(tuned.examples) < said.batch:
        raise DataError(
            f"{tuned.name} has {len(tuned.examples):,} examples, a batch of tasks.{task} "
            f"{said.batch:,}",
            "choose a smaller batch",
        )
    return TaskData(said, tuned, chooses, problems)


def answers_of(data: TaskData) -> tuple[str, ...]:
    """Return the list of answers that a recipe asks for, the most frequent first.

    Raises:
        DataError: the list cannot be read, or is empty.
    """
    said = data.said
    if said.labels not in (None, FROM_DATA):
        return read_answer_list(Path(str(said.labels)))
    table = data.tuned.examples
    given = zip(table.answers_given.tolist(), range(len(table.answer_texts)), strict=True)
    often = [(-times, table.answer_texts[at]) for times, at in given if times >= said.least_answers]
    if not often:
        raise DataError(f"{data.tuned.name} gives no answer often enough", "lower least_answers")
    return tuple(answer for _, answer in sorted(often))


def _with(data: DataSet, examples: Iterable[DataExample]) -> DataSet:
    return dataclasses.replace(data, examples=ExampleTable(examples))


def _joined(splits: Sequence[DataSet]) -> DataSet:
    first, *others = splits
    if not others:
        return first
    names = " + ".join(each.split for each in splits)
    every = itertools.chain.from_iterable(each.examples for each in splits)
    return dataclasses.replace(_with(first, every), split=names)


def with_answers(data: DataSet) -> DataSet:
    """Leave out examples whose right answers are secret.

    Raises:
        DataError: all of them are.
    """
    examples = data.examples
    if all(each.answers for each in examples):
        return data
    known = _with(data, (each for each in examples if each.answers))
    if not len(known.examples):
        raise DataError(f"the answers of {data.name} are secret", "tune on another split")
    return known


def _repeated(data: DataSet, repeats: Mapping[str, int]) -> DataSet:
    """Hold examples of some kinds several times; one of several kinds as often as its most.

    Raises:
        DataError: no example is of one of them.
    """
    there = {kind for each in data.examples for kind in each.kinds}
    for kind in repeats:
        if kind not in there:
            known = f"name one of {', '.join(sorted(there)[:20])}" if there else "take repeats out"
            raise DataError(f"{data.name} has no examples of kind {kind!r}", known)

    def copies() -> Iterator[DataExample]:
        for each in data.examples:
            times = max((repeats.get(kind, 1) for kind in each.kinds), default=1)
            yield from itertools.repeat(each, times)

    return _with(data, copies())


def _in_fixed_order(data: DataSet) -> list[str]:
    """Return the pictures in an order that looks drawn, and is the same on every machine."""
    return sorted(data.pictures, key=lambda name: hashlib.sha256(Path(name).name.encode()).digest())


def _shared_out(data: DataSet, share: float) -> DataSet:
    """Keep a share of the pictures: the last ones, as the first may be held out."""
    names = _in_fixed_order(data)
    kept = frozenset(names[-max(1, round(share * len(names))) :])
    return _with(data, (each for each in data.examples if kept.issuperset(each.pictures)))


def _held_out(data: DataSet, pictures: int) -> tuple[DataSet, DataSet]:
    """Take some pictures out, always the same: those whose names hash lowest."""
    names = _in_fixed_order(data)
    if len(names) <= pictures:
        problem = f"{data.name} has {len(names):,} pictures, and {pictures:,} are to be held out"
        raise DataError(problem, "choose a smaller hold_out")
    out = frozenset(names[:pictures])
    apart = [each for each in data.examples if out.issuperset(each.pictures)]
    rest = (each for each in data.examples if out.isdisjoint(each.pictures))
    split = f"{data.split} (held out)"
    return _with(data, rest), dataclasses.replace(_with(data, apart), split=split)


def _one_caption_each(examples: Sequence[DataExample]) -> Iterator[DataExample]:
    for each in examples:
        for answer in each.answers:
            yield dataclasses.replace(each, answers=(answer,))
