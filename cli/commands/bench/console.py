"""What every benchmark does in the terminal: progress, bars, one line for an error it foresees."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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


JsonFile = Annotated[Path | None, typer.Option("--json", help="Write results here.")]
PlotFile = Annotated[Path | None, typer.Option("--plot", help="Draw them here.")]


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """Show progress; an error that a benchmark foresees becomes one line.

    SIGTERM leaves every block, so that servers and other children stop.
    """
    from artifact.errors import ArtifactError
    from loadtests.kit.errors import BenchError
    from monitoring.prometheus import PrometheusError

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by SIGTERM"))
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
            task = shown.add_task("starting", total=1.0)

            def report(what: str, share: float) -> None:
                shown.update(task, description=escape(what), completed=share)

            yield report
    except (BenchError, PrometheusError, ArtifactError, OSError) as error:
        fail(str(error))
    finally:
        signal.signal(signal.SIGTERM, before)


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
    from loadtests.kit.results import results, write_results

    try:
        write_results(path, results(Origin(command(), seed), facts, bars, measured))
    except OSError as error:
        fail(f"{path}: {error.strerror}")


def command() -> str:
    """Return the command line of this run."""
    return " ".join(["otmv", *sys.argv[1:]])


def need_matplotlib() -> None:
    """End with one line if no picture can be drawn."""
    if find_spec("matplotlib") is None:
        fail(f"--plot needs matplotlib: {how_to_install('loadtest')}")
