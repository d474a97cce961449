"""What a terminal shows: lines, tables, progress, one-line errors. Commands use rich only here.

Results go to standard output, all else to standard error. Text is shown as it is: a name such as
`block[0]` is no markup. A line is never broken, so a pipe gets it whole; tables fit 80 columns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.status import Status
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from pydantic import ValidationError

_UNLIMITED_COLUMNS = 10_000

_SILENT_S = 2.0
"""What fails at once says nothing but why."""
_COMMAND = ContextVar("command", default="otmv")

Report = Callable[[str, float], None]
"""Takes what is being done and the share of the whole that is done, 0 to 1."""


def output() -> Console:
    """Return the console of standard output, as wide as COLUMNS or the terminal says now."""
    return Console()


def errors() -> Console:
    """Return the console of standard error."""
    return Console(stderr=True)


def say(line: str, *, style: str | None = None, end: str = "\n") -> None:
    """Print a line of the result."""
    _print(output(), line, style, end)


def say_pairs(pairs: Mapping[str, str]) -> None:
    """Print a line for each name and its value, values below one another."""
    width = max(map(len, pairs)) + 2
    console = output()
    for name, value in pairs.items():
        line = Text(f"{name:{width}}", "dim").append(value, "not dim")
        console.print(line, soft_wrap=True)


def note(line: str) -> None:
    """Print a line about the work on standard error."""
    _print(errors(), line, None, "\n")


@contextmanager
def running(command: str) -> Iterator[None]:
    """Let errors and warnings name the command that runs, as it is typed."""
    token = _COMMAND.set(command)
    try:
        yield
    finally:
        _COMMAND.reset(token)


def warn(line: str) -> None:
    """Print one line about what may surprise, with the command's name before it."""
    note(f"{_COMMAND.get()}: warning: {line}")


def complain(problem: str) -> None:
    """Print one line that says what is wrong and how to fix it, the command's name before it."""
    _print(errors(), f"{_COMMAND.get()}: {problem}", "red", "\n")


def fail(problem: str, *, code: int = 1) -> NoReturn:
    """Print one line that says what is wrong and how to fix it; end with `code`."""
    complain(problem)
    raise SystemExit(code)


def _print(console: Console, line: str, style: str | None, end: str) -> None:
    console.print(line, style=style, end=end, markup=False, highlight=False, soft_wrap=True)


def first_line(error: Exception) -> str:
    """Return the first line of an error's text."""
    return str(error).splitlines()[0]


def first_problem(error: ValidationError) -> tuple[str, str]:
    """Return the field that is wrong, "" for the whole, and what is wrong with it."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return where, first["msg"].removeprefix("Value error, ")


def table(
    title: str | None,
    left: Sequence[str],
    right: Sequence[str] = (),
    rows: Iterable[Sequence[str]] = (),
    caption: str | None = None,
) -> Table:
    """Return a table of plain text.

    Args:
        title: above it.
        left: headings of the first columns, which hold words.
        right: headings of the others, which hold numbers.
        rows: one cell per column.
        caption: below it.
    """
    made = Table(title=literal(title or ""), title_style="bold", caption=literal(caption or ""))
    for heading in left:
        made.add_column(heading, overflow="fold")
    for heading in right:
        made.add_column(heading, justify="right", overflow="fold")
    for row in rows:
        made.add_row(*map(literal, row))
    return made


def literal(text: str) -> str:
    """Return rich's markup of a text that shows the text as it is."""
    return escape(text)


def show(shown: Table, console: Console | None = None) -> None:
    """Print a table, by default as a result; where a word would be cut, one line per cell."""
    console = console or output()
    unlimited = console.options.update(width=_UNLIMITED_COLUMNS)
    fits = console.measure(shown, options=unlimited).minimum <= console.width
    console.print(shown if fits else _cell_by_cell(shown))


def _cell_by_cell(wide: Table) -> Table:
    """Return a table of headings and cells below one another, with a rule between rows."""
    made = table(None, ("", ""))
    made.title, made.caption, made.show_header = wide.title, wide.caption, False
    for cells in zip(*(column.cells for column in wide.columns), strict=True):
        for column, cell in zip(wide.columns, cells, strict=True):
            made.add_row(column.header, cell, end_section=column is wide.columns[-1])
    return made


@contextmanager
def share_progress(*, remaining: bool = False, phases: bool = False) -> Iterator[Report]:
    """Show on a terminal what is being done and the share that is done; in a pipe nothing.

    Args:
        remaining: show the time that is left in place of the time since the start.
        phases: in a pipe, a line wherever what is being done begins with another word, after the
            first seconds: for what takes minutes.
    """
    told, began_s = "", time.monotonic()

    def tell(what: str) -> None:
        nonlocal told
        word = what.partition(" ")[0]
        late = time.monotonic() - began_s >= _SILENT_S
        if phases and late and word != told and not bar.console.is_terminal:
            note(f"{what} ...")
            told = word

    time_column = TimeRemainingColumn() if remaining else TimeElapsedColumn()
    what_column = TextColumn("{task.description:<28}", markup=False)
    with _progress(what_column, BarColumn(), time_column, stays=False) as bar:
        task = bar.add_task("starting", total=1.0)

        def report(what: str, share: float) -> None:
            tell(what)
            bar.update(task, description=what, completed=share)

        yield report


def counted_progress(*, stays: bool = False) -> Progress:
    """Return a display of counts; its tasks have a field `facts`, a text that may be empty.

    Args:
        stays: leave the last state on the screen, in a pipe too.
    """
    return _progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[facts]}"),
        stays=stays,
    )


def _progress(*columns: ProgressColumn, stays: bool) -> Progress:
    console = errors()
    hidden = not stays and not console.is_terminal
    return Progress(*columns, console=console, transient=not stays, disable=hidden)


def spinner(doing: str, *, hidden: bool = False) -> Status:
    """Return a line on a terminal that says what is being done, to be updated; in a pipe nothing.

    Args:
        doing: said first.
        hidden: show nothing on a terminal either.
    """
    console = errors()
    console.quiet = hidden or not console.is_terminal
    return console.status(literal(doing))
