"""`otmv simulate`: scheduling policies on a simulated device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli.bench_console import print_bars, write

if TYPE_CHECKING:
    from loadtests.kit.bars import Bar
    from loadtests.simulate.program import Studies

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
    json_file: Annotated[Path | None, typer.Option("--json", help="Write results here.")] = None,
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Draw them here.")] = None,
) -> None:
    """Compare the elastic scheduler with its rivals and a bound that no policy can pass.

    The scheduler is the engine's own. Without --rate or --trace: sixteen loads and the bars.

    [bold]otmv simulate --first-seed 100 --json loadtests/results/simulate.json[/bold]

    [bold]otmv simulate --rate 800 --burst 8 --keys 2 --seconds 5[/bold]
    """
    try:
        from loadtests.simulate.arrivals import TraceError
        from loadtests.simulate.program import Load, run_load, run_standard, run_sweep
        from loadtests.simulate.world import World
    except ModuleNotFoundError as error:
        problem = f"simulating needs {error.name}: pip install 'otmv-serve[loadtest]'"
        Console(stderr=True).print(problem, style="red", markup=False, highlight=False)
        raise typer.Exit(1) from error

    world = World(
        keys=keys,
        noise=noise,
        max_batch=max_batch,
        block=(block_ms[0] / 1e3, block_ms[1] / 1e3),
        stem=(stem_ms[0] / 1e3, stem_ms[1] / 1e3),
    )
    bars: list[Bar] = []
    took_s: dict[str, float] = {}
    chosen = range(first_seed, first_seed + seeds)
    status = Console(stderr=True).status("simulating")
    try:
        with status:
            if sweep_gangs:
                studies = run_sweep(chosen, seconds, jobs, status.update)
            elif rate is None and trace is None:
                studies, bars, took_s = run_standard(chosen, seconds, jobs, status.update)
            else:
                load = Load(rate or 1.0, seconds, burst, to_rate, trace)
                studies = run_load(world, load, budget_ms, chosen, status.update)
        _show(studies, bars, plot_file)
        for part, part_s in took_s.items():
            Console().print(f"{part}: {part_s:.0f} s", highlight=False)
        if json_file is not None:
            from loadtests.simulate.report import studies_record

            facts = {"seeds": list(chosen), "seconds": seconds, "took_s": took_s}
            write(json_file, facts, bars, studies_record(studies), seed=first_seed)
    except (ImportError, OSError, TraceError) as error:
        hint = " (pip install 'otmv-serve[loadtest]')" if isinstance(error, ImportError) else ""
        Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}{escape(hint)}")
        raise typer.Exit(1) from error
    if any(bar.verdict == "short" for bar in bars):
        raise typer.Exit(1)


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
