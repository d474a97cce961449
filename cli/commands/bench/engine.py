"""`otmv bench`: the engine, its scheduler and the server against what they promise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cli.commands.bench.console import (
    DirtyOk,
    JsonFile,
    PlotFile,
    allow_dirty,
    end,
    print_bars,
    progress,
    write,
)
from cli.commands.bench.das import das
from cli.commands.bench.data import data
from cli.commands.bench.loadgen.command import loadgen
from cli.commands.bench.siege import siege
from cli.commands.bench.slo import slo
from cli.commands.bench.table4 import HELP, table4
from cli.commands.bench.tuning import tuning
from cli.console import complain, fail

if TYPE_CHECKING:
    from loadtests.engine.comparisons import Comparison
    from loadtests.engine.program import EngineResults
    from loadtests.engine.setup import EngineBench

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="rich")
app.command()(das)
app.command()(data)
app.command()(loadgen)
app.command()(siege)
app.command()(slo)
app.command(help=HELP)(table4)
app.command()(tuning)

_DEMO = Path(__file__).parents[3] / "examples" / "demo-artifact"
_QUICK_PAIRS = 3


@app.callback()
def bench(dirty_ok: DirtyOk = False) -> None:
    """Measure the engine, its scheduler or the server, and hold the result against its bars.

    Ends with 0 if every bar that was run is ok, with 1 if one is short, or unclear (its interval
    holds the limit), or if something failed. Under loadtests/ of a work tree only results of a
    clean commit are written.
    """
    allow_dirty(dirty_ok)


@app.command()
def engine(
    only: Annotated[list[str] | None, typer.Option(help="One of them; may be repeated.")] = None,
    backend: Annotated[
        list[str] | None, typer.Option(help="Instead of every installed one; may be repeated.")
    ] = None,
    artifacts: Annotated[
        Path | None, typer.Option(help="beit3_base artifacts, exported here once.")
    ] = None,
    demo: Annotated[Path, typer.Option(help="The demo artifact.", show_default=False)] = _DEMO,
    pairs: Annotated[int, typer.Option(help="Times both sides are measured.", min=1)] = 15,
    quick: Annotated[bool, typer.Option(help="Three pairs: a look, not a claim.")] = False,
    seed: Annotated[int, typer.Option(help="Draws the pictures.", min=0)] = 0,
    json_file: JsonFile = None,
) -> None:
    """Compare the live engine with one graph per model, with bare matrix products, with itself.

    Both sides are measured in turns; a bar is on the median over pairs. About eight minutes on two
    cores, and a few more the first time, to export beit3_base with random weights.

    [bold]otmv bench engine --json loadtests/results/engine.json[/bold]

    [bold]otmv bench engine --only composed --quick[/bold]
    """
    from engine.config import default_cache_dir
    from loadtests.engine.setup import EngineBench

    comparisons, backends = _comparisons(only), _backends(backend)
    folder = artifacts or default_cache_dir() / "bench"
    setup = EngineBench(folder, demo, backends[0], _QUICK_PAIRS if quick else pairs, seed)
    measured, hashes = _measure(comparisons, backends, setup)
    _show(measured)
    if json_file is not None:
        write(json_file, _facts(measured, setup, hashes), measured.bars, seed=setup.seed)
    end(measured.bars, failed=bool(measured.failures))


@app.command()
def simulate(
    seconds: Annotated[float, typer.Option(help="Simulated time of a run.", min=0.1)] = 20.0,
    seeds: Annotated[int, typer.Option(help="Runs per load.", min=1)] = 5,
    first_seed: Annotated[int, typer.Option(help="Seeds count from here.", min=0)] = 100,
    jobs: Annotated[int, typer.Option(help="Processes that share the work.", min=1)] = 1,
    json_file: JsonFile = None,
    plot_file: PlotFile = None,
) -> None:
    """Run the bars of `otmv simulate`: sixteen loads on a simulated device, all policies.

    The policy was chosen on seeds below 100; these are others.

    [bold]otmv bench simulate --jobs 2 --json loadtests/results/simulate.json[/bold]
    """
    from cli.commands.simulate import simulate as run

    run(
        seconds=seconds,
        seeds=seeds,
        first_seed=first_seed,
        jobs=jobs,
        json_file=json_file,
        plot_file=plot_file,
    )


def _comparisons(only: list[str] | None) -> list[Comparison]:
    from loadtests.engine.comparisons import BY_NAME, COMPARISONS

    for name in only or ():
        if name not in BY_NAME:
            fail(f"no comparison {name!r}; there are {', '.join(BY_NAME)}")
    return [comparison for comparison in COMPARISONS if not only or comparison.name in only]


def _backends(chosen: list[str] | None) -> list[str]:
    from engine.backends.registry import candidate_backends, installed_backends

    installed = list(installed_backends())
    for name in chosen or ():
        if name not in installed:
            fail(f"backend {name!r} is not installed; there are {', '.join(installed)}")
    return [name for name in installed if name in (chosen or candidate_backends())]


def _measure(
    comparisons: list[Comparison], backends: list[str], setup: EngineBench
) -> tuple[EngineResults, dict[str, str]]:
    """Return what was measured, and the hash of every artifact it was measured on."""
    from loadtests.engine.program import run_all
    from loadtests.kit.artifacts import ensure_artifacts

    with progress() as report:
        names = {name for comparison in comparisons for name in comparison.artifacts}
        hashes = ensure_artifacts(setup.artifacts, names, report)
        return run_all(comparisons, backends, setup, report), hashes


def _show(measured: EngineResults) -> None:
    from loadtests.kit.bars_table import bars_table

    console = Console()
    console.print(bars_table(measured.bars, console))
    print_bars(measured.bars)
    for failure in measured.failures:
        complain(failure)


def _facts(measured: EngineResults, setup: EngineBench, hashes: dict[str, str]) -> dict[str, Any]:
    return {
        "pairs": setup.pairs,
        "artifacts": hashes,
        "seconds": measured.seconds,
        "failures": measured.failures,
    }
