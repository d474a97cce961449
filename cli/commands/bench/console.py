"""What every benchmark does in the terminal: progress, bars, one line for an error it foresees."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from artifact.errors import how_to_install
from cli.console import fail

if TYPE_CHECKING:
    from loadtests.kit.bars import Bar

_LINE_EVERY_S = 60.0
_DIRTY_OK: ContextVar[bool] = ContextVar("dirty_ok", default=False)


def check_writable(path: Path) -> None:
    """End with one line, before a run, if its results could not be written after it."""
    from loadtests.kit.errors import BenchError
    from loadtests.kit.results import check_place

    try:
        if not _DIRTY_OK.get():
            check_place(path)
    except BenchError as error:
        fail(str(error))


def _json_file(path: Path | None) -> Path | None:
    if path is not None:
        check_writable(path)
    return path


JsonFile = Annotated[
    Path | None, typer.Option("--json", callback=_json_file, help="Write results here.")
]
DirtyOk = Annotated[
    bool, typer.Option("--dirty-ok", help="Write committed results of a tree with changes, too.")
]
PlotFile = Annotated[Path | None, typer.Option("--plot", help="Draw them here.")]


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """Show progress; an error that a benchmark foresees becomes one line.

    SIGTERM leaves every block, so that servers and other children stop. Where there is no terminal
    a line now and then says how far it is.
    """
    from artifact.errors import ArtifactError
    from loadtests.kit.errors import BenchError
    from monitoring.prometheus import PrometheusError

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by SIGTERM"))
    try:
        with Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        ) as shown:
            task = shown.add_task("starting", total=1.0)
            said_s = time.monotonic()

            def report(what: str, share: float) -> None:
                nonlocal said_s
                shown.update(task, description=escape(what), completed=share)
                now_s = time.monotonic()
                if not console.is_terminal and now_s - said_s >= _LINE_EVERY_S:
                    said_s = now_s
                    console.print(f"{share:4.0%} {what}", markup=False, soft_wrap=True)

            yield report
    except (BenchError, PrometheusError, ArtifactError, OSError) as error:
        fail(str(error))
    finally:
        signal.signal(signal.SIGTERM, before)


def allow_dirty(dirty_ok: bool) -> None:
    """Remember `--dirty-ok` for the command below; its results say so."""
    _DIRTY_OK.set(dirty_ok)


def end(bars: Sequence[Bar], *, failed: bool = False) -> None:
    """End with 1 if something failed, or a bar that was run is not ok."""
    from loadtests.kit.bars import any_missed

    if failed or any_missed(bars):
        raise typer.Exit(1)


def print_bars(bars: Sequence[Bar]) -> None:
    """Print one line per bar."""
    console = Console()
    for bar in bars:
        console.print(escape(bar.line()), soft_wrap=True, highlight=False)


def write(
    path: Path,
    facts: Mapping[str, Any],
    bars: Sequence[Bar],
    measured: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> None:
    """Write the results file, or end with one line."""
    from loadtests.kit.origin import Origin
    from loadtests.kit.results import results

    write_made(path, results(Origin(command(), seed), facts, bars, measured))


def write_made(path: Path, found: Mapping[str, Any]) -> None:
    """Write what `results` returned, or end with one line."""
    from loadtests.kit.errors import BenchError
    from loadtests.kit.results import DIRTY_OK, write_results

    told = {DIRTY_OK: True} if _DIRTY_OK.get() else {}
    try:
        write_results(path, {**found, **told})
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except BenchError as error:
        fail(str(error))


def command() -> str:
    """Return the command line of this run."""
    return " ".join(["otmv", *sys.argv[1:]])


def need_matplotlib() -> None:
    """End with one line if no picture can be drawn."""
    if find_spec("matplotlib") is None:
        fail(f"--plot needs matplotlib: {how_to_install('loadtest')}")
