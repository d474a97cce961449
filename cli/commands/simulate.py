"""`otmv simulate`: scheduling policies on a simulated device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from artifact.errors import how_to_install
from cli.commands.bench.console import JsonFile, PlotFile, end, print_bars, write
from cli.console import fail

if TYPE_CHECKING:
    from loadtests.kit.bars import Bar
    from loadtests.simulate.program import Studies
    from loadtests.simulate.world import SimulatedDevice

app = typer.Typer(add_completion=False, rich_markup_mode="rich")

_COSTS = "Milliseconds of one call: fixed, per row."


@app.command()
def simulate(
    rate: Annotated[float | None, typer.Option(help="Requests per second; none: the bars.")] = None,
    to_rate: Annotated[float | None, typer.Option(help="Ramp to this rate.")] = None,
    burst: Annotated[float, typer.Option(help="CV² of the gaps; 1: Poisson.", min=0.01)] = 1.0,
    trace: Annotated[Path | None, typer.Option(help="Arrival times, seconds, one a line.")] = None,
    budget_ms: Annotated[float, typer.Option(help="Latency budget.", min=0.1)] = 36.0,
    keys: Annotated[int, typer.Option(help="Keys the 24 orders share.", min=1, max=24)] = 1,
    noise: Annotated[
        float, typer.Option(help="Deviation of log step time.", min=0.0, max=1.0)
    ] = 0.0,
    block_ms: Annotated[tuple[float, float], typer.Option(help=_COSTS)] = (0.15, 0.07),
    stem_ms: Annotated[tuple[float, float], typer.Option(help=_COSTS)] = (0.3, 0.05),
    max_batch: Annotated[int, typer.Option(help="Most rows of a step.", min=1)] = 16,
    seconds: Annotated[float, typer.Option(help="Simulated time of a run.", min=0.1)] = 20.0,
    seeds: Annotated[int, typer.Option(help="Runs per load.", min=1)] = 5,
    first_seed: Annotated[int, typer.Option(help="Of the first run; then one more.", min=0)] = 0,
    sweep_gangs: Annotated[
        bool, typer.Option("--sweep-gangs", help="Only lock-step gangs, at five thresholds.")
    ] = False,
    jobs: Annotated[int, typer.Option(help="Processes that share the work.", min=1)] = 1,
    json_file: JsonFile = None,
    plot_file: PlotFile = None,
) -> None:
    """Compare the elastic scheduler with its rivals and a bound that no policy can pass.

    The scheduler is the engine's own. Without --rate or --trace: sixteen loads and the bars.

    [bold]otmv simulate --first-seed 100 --json loadtests/results/simulate.json[/bold]

    [bold]otmv simulate --rate 800 --burst 8 --keys 2 --seconds 5[/bold]
    """
    load = None
    if rate is not None or trace is not None:
        load = (rate or 1.0, seconds, burst, to_rate, trace)
    runs = Runs(range(first_seed, first_seed + seeds), seconds, jobs, sweep_gangs)
    costs = Costs(keys, noise, max_batch, block_ms, stem_ms)
    _simulate(runs, costs, (load, budget_ms), json_file, plot_file)


@dataclass(frozen=True)
class Runs:
    """Which runs: their seeds, simulated seconds of each, processes; `sweep`: only gangs."""

    seeds: range
    seconds: float
    jobs: int
    sweep: bool


@dataclass(frozen=True)
class Costs:
    """What is simulated: keys, noise, largest batch, (fixed, per row) milliseconds of a call."""

    keys: int
    noise: float
    max_batch: int
    block_ms: tuple[float, float]
    stem_ms: tuple[float, float]

    def world(self) -> SimulatedDevice:
        """Return it in seconds."""
        from loadtests.simulate.disturbance import Disturbance
        from loadtests.simulate.world import SimulatedDevice

        block, stem = (
            (fixed_ms / 1e3, row_ms / 1e3) for fixed_ms, row_ms in (self.block_ms, self.stem_ms)
        )
        return SimulatedDevice(
            keys=self.keys,
            disturbance=Disturbance(noise=self.noise),
            max_batch=self.max_batch,
            block=block,
            stem=stem,
        )


LoadOptions = tuple[float, float, float, float | None, Path | None]
"""Rate, seconds, burst, rate at the end of a ramp, trace: what `Load` is made of."""


def _simulate(
    runs: Runs,
    costs: Costs,
    asked: tuple[LoadOptions | None, float],
    json_file: Path | None,
    plot_file: Path | None,
) -> None:
    """Simulate, show and write; `asked` is one load with its budget in ms, no load: the bars."""
    try:
        from loadtests.simulate.arrivals import TraceError
        from loadtests.simulate.report import studies_record
    except ModuleNotFoundError as error:
        fail(f"simulating needs {error.name}: {how_to_install('loadtest')}")
    try:
        studies, bars, took_s = _studies(runs, costs, asked)
        _show(studies, bars, plot_file)
        for part, part_s in took_s.items():
            Console().print(f"{part}: {part_s:.0f} s", highlight=False)
    except ImportError as error:
        fail(f"{error} ({how_to_install('loadtest')})")
    except (OSError, TraceError) as error:
        fail(str(error))
    if json_file is not None:
        facts = {"seeds": list(runs.seeds), "seconds": runs.seconds, "took_s": took_s}
        write(json_file, facts, bars, studies_record(studies), seed=runs.seeds[0])
    end(bars)


def _studies(
    runs: Runs, costs: Costs, asked: tuple[LoadOptions | None, float]
) -> tuple[Studies, list[Bar], dict[str, float]]:
    """Return the studies, the bars, and the seconds each part took."""
    from loadtests.simulate.program import Load, run_load, run_standard, run_sweep

    load, budget_ms = asked
    status = Console(stderr=True).status("simulating")
    with status:
        if runs.sweep:
            return run_sweep(runs.seeds, runs.seconds, runs.jobs, status.update), [], {}
        if load is None:
            return run_standard(runs.seeds, runs.seconds, runs.jobs, status.update)
        one = Load(*load)
        return run_load(costs.world(), one, budget_ms, runs.seeds, status.update), [], {}


def _show(studies: Studies, bars: list[Bar], plot_file: Path | None) -> None:
    from loadtests.simulate.bars import gap_share
    from loadtests.simulate.report import plot, points_table

    console = Console()
    for name, results in studies.items():
        console.print(points_table(name, results))
    first = next(iter(studies.values()))
    share = gap_share(first)
    if share is not None:
        console.print(f"closes {share:.0%} of the way from SlackFit to the bound")
    print_bars(bars)
    if plot_file is not None:
        plot(first, plot_file)
