"""`otmv data`: what a data set holds, and everything that is wrong with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import fail, note, say, share_progress, show, table

if TYPE_CHECKING:
    from tuning.data.problems import DataProblem, Problems
    from tuning.data.sets import DataFolder, DataSet

app = typer.Typer(no_args_is_help=True, help="Read data sets: what is in them, what is wrong.")

_UNREADABLE = 2
_SHOWN = 5
"""Problems of a kind in the terminal."""

_Folder = Annotated[str, typer.Argument(metavar="FOLDER", help="Or easy-vqa, if installed.")]
_Format = Annotated[
    str | None, typer.Option("--format", help="One of `otmv data formats`; found out by default.")
]
_Pictures = Annotated[
    Path | None, typer.Option(help="Where pictures lie, if not in FOLDER.", show_default=False)
]
_Labels = Annotated[
    Path | None, typer.Option(help="List of answers; those outside are counted.", metavar="FILE")
]
_Decode = Annotated[bool, typer.Option(help="Decode every picture, or only look for its file.")]
_Out = Annotated[Path, typer.Option(help="Folder for sheet.png and problems.txt.")]


@app.command()
def check(
    folder: _Folder,
    format_name: _Format = None,
    pictures: _Pictures = None,
    labels: _Labels = None,
    decode: _Decode = True,
    out: _Out = Path("runs/data-check"),
) -> None:
    """Read all of a data set: count it, and name every broken line and picture.

    Ends with 0 if all of it is good, with 1 if something is wrong, with 2 if FOLDER cannot be read.
    The first problems of each kind are printed, all are in problems.txt; sheet.png shows ten
    examples.

    [bold]otmv data check vqa/[/bold]

    [bold]otmv data check annotations/ --pictures coco/ --labels answer2label.txt[/bold]
    """
    from tuning.data.problems import DataError

    try:
        problems, parts = _checked(folder, format_name, pictures, labels, decode, out)
    except DataError as error:
        fail(str(error), code=_UNREADABLE)
    except OSError as error:
        fail(f"{error} (check free space and rights, or choose another --out)", code=_UNREADABLE)
    _print_parts(parts)
    _print_problems(problems, out)
    say(f"ten examples: {out / 'sheet.png'}")
    if _is_bad(problems):
        raise typer.Exit(1)


@app.command()
def formats() -> None:
    """List the formats that are read, and the files each is known by."""
    from tuning.data.formats import FORMATS

    rows = [(each.name, each.about, each.files) for each in FORMATS.values()]
    show(table(None, ("format", "what it is", "files"), (), rows))
    say("What each holds, and JSONL of your own by example: docs/offline/data.md")


def _checked(
    where: str,
    format_name: str | None,
    pictures: Path | None,
    labels: Path | None,
    decode: bool,
    out: Path,
) -> tuple[Problems, list[DataSet]]:
    """Read everything under a progress bar; write the sheet and the whole list of problems."""
    from artifact.task import TASKS
    from pictures.blocking import BlockingDecoder
    from tuning.data.check import check_answers, check_pictures, read_parts
    from tuning.data.labels import read_answer_list
    from tuning.data.sets import open_folder
    from tuning.data.sheet import contact_sheet

    opened = open_folder(where, format_name, pictures)
    listed = read_answer_list(labels) if labels else None
    out.mkdir(parents=True, exist_ok=True)
    note(f"{opened.path} holds {opened.format.about} ({opened.format.name})")
    with _listed(out / "problems.txt", opened) as problems, share_progress() as report:
        parts = list(read_parts(opened, problems, report))
        for data in parts:
            if listed and data.task in TASKS and TASKS[data.task].lists_answers:
                check_answers(data, listed, problems)
        if decode:
            check_pictures(parts, problems, report)
        with BlockingDecoder() as decoder:
            contact_sheet(parts, decoder).save(out / "sheet.png")
    return problems, parts


@contextlib.contextmanager
def _listed(file: Path, opened: DataFolder) -> Iterator[Problems]:
    """Write every problem into a file as it is found."""

    def write(problem: DataProblem) -> None:
        to.write(f"{problem.kind}: {problem}\n")

    with file.open("w", encoding="utf-8") as to:
        yield opened.problems(write)


def _print_parts(parts: list[DataSet]) -> None:
    rows = []
    for data in parts:
        pictures = f"{len(data.examples.picture_names):,}"
        rows.append(
            (data.task, data.split, f"{len(data.examples):,}", pictures, f"{data.left_out:,}")
        )
    show(table(None, ("task", "split"), ("examples", "pictures", "left out"), rows))


def _print_problems(problems: Problems, out: Path) -> None:
    """Print the first of each kind, and where all are."""
    if not problems.counts:
        say("nothing is wrong")
    for kind, count in problems.counts.items():
        say(f"{kind}: {count:,}", style="yellow")
        first = problems.first(kind)[:_SHOWN]
        for problem in first:
            say(f"  {problem}")
        if count > len(first):
            say(f"  and {count - len(first):,} more, in {out / 'problems.txt'}")


def _is_bad(problems: Problems) -> bool:
    """Tell whether something must be mended; answers outside a list are usual."""
    from tuning.data.problems import ProblemKind

    return any(count for kind, count in problems.counts.items() if kind is not ProblemKind.LABEL)
