"""Any subject on any data set: which tasks, which split, and the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cli.commands.eval.judging import Answers, ask_all, asked_of, write_results
from cli.commands.eval.subjects import Subject
from cli.commands.eval.tasks import JUDGED_TASKS
from cli.console import note, say, share_progress, show, table
from tuning.data.problems import DataError, ProblemKind, Problems
from tuning.data.sets import DataFolder, DataSet, load, open_folder

_SHOWN = 3
"""Problems of a kind in the terminal."""
_KINDS_A_LINE = 4


@dataclass(frozen=True)
class DataOptions:
    """What is measured on, and where results go; see `otmv eval --help`."""

    where: str
    split: str | None
    task: str | None
    format_name: str | None
    pictures: Path | None
    results: Path | None
    limit: int | None
    variants: str | None
    blank: bool


def measure_on_data(subject: Subject, options: DataOptions) -> None:
    """Ask every variant about every example of each task, print the scores, write the results.

    Raises:
        DataError: the data cannot be read, or is too much; or the subject is for other tasks.
        OSError: the results cannot be written.
    """
    folder = open_folder(options.where, options.format_name, options.pictures)
    problems = folder.problems()
    parts = _parts(subject, folder, options, problems)
    chosen_of = [_variants(subject, data, options) for data in parts]
    for data, chosen in zip(parts, chosen_of, strict=True):
        blank = ", blank pictures" if options.blank else ""
        note(f"{subject.name} on {data.name}, {data.task}{blank}")
        with share_progress(remaining=True) as report:
            found = ask_all(
                subject,
                data,
                chosen,
                options.limit,
                options.blank,
                problems,
                partial(report, data.task),
            )
        print_answers(found)
        if options.results is not None:
            write_results(options.results, found)
            note(f"result files: {options.results}")
    _print_problems(problems)


def _parts(
    subject: Subject, folder: DataFolder, options: DataOptions, problems: Problems
) -> list[DataSet]:
    """Read the split of each task that both the data and the subject are for."""
    wanted = [options.task] if options.task else list(dict.fromkeys(p.task for p in folder.parts))
    both = [
        task
        for task in wanted
        if task in JUDGED_TASKS and JUDGED_TASKS[task].model_task in subject.tasks
    ]
    if not both:
        raise DataError(
            f"{subject.name} is for {', '.join(subject.tasks)}",
            f"{folder.path} is for {', '.join(wanted)}; they have nothing in common",
        )
    return [load(folder, task, options.split, problems) for task in both]


def _variants(subject: Subject, data: DataSet, options: DataOptions) -> tuple[str, ...]:
    """Return the variants that are measured, if the data is not too much for them."""
    judged = JUDGED_TASKS[data.task]
    chosen = _chosen(subject, subject.variants(judged.model_task), options.variants)
    asked = range(asked_of(data, options.limit))
    judged.check(map(data.examples.__getitem__, asked), len(chosen))
    return chosen


def _chosen(subject: Subject, there: tuple[str, ...], text: str | None) -> tuple[str, ...]:
    if text is None:
        return there
    chosen = tuple(text.replace(",", " ").split())
    if unknown := [name for name in chosen if name not in there]:
        raise DataError(
            f"{subject.name} has no variant {unknown[0]!r}", f"it has {', '.join(there)}"
        )
    if not chosen:
        raise DataError("--variants is empty", f"choose some of {', '.join(there)}")
    return chosen


def print_answers(found: Answers) -> None:
    """Print one row per variant, and for the last one, the deepest, its groups."""
    scores = {variant: found.scores(variant) for variant in found.of}
    names = list(next(iter(scores.values())))
    rows = [(variant, *(f"{each[name]:.4f}" for name in names)) for variant, each in scores.items()]
    if names:
        show(table(None, ("variant",), names, rows))
        _print_groups(found)
    elif found.unanswered == len(found.examples):
        say("no example could be asked: nothing to score")
    else:
        say("no right answers are public: nothing to score (--results writes what was answered)")
    if names and (said := found.note):
        say(said)
    skipped = f", {found.unanswered:,} of them skipped" if found.unanswered else ""
    say(f"{len(found.examples):,} examples{skipped}")


def _print_groups(found: Answers) -> None:
    deepest = list(found.of)[-1]
    for title, groups in found.groups(deepest).items():
        say(f"{deepest} {title}:")
        cells = [f"{name} {score:.4f}" for name, score in groups.items()]
        for start in range(0, len(cells), _KINDS_A_LINE):
            say(f"  {'  '.join(cells[start : start + _KINDS_A_LINE])}")


def _print_problems(problems: Problems) -> None:
    for kind in ProblemKind:
        first: Sequence[object] = problems.first(kind)[:_SHOWN]
        if not first:
            continue
        note(f"{kind}, skipped: {problems.counts[kind]:,}")
        for problem in first:
            note(f"  {problem}")
