"""`otmv bench slo`: our server and other servers under the same live load."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cli.commands.bench.console import (
    JsonFile,
    PlotFile,
    need_matplotlib,
    print_bars,
    progress,
    write,
)
from cli.console import complain, fail

if TYPE_CHECKING:
    from loadtests.kit.bars import Bar
    from loadtests.slo.program import SloBench, SloResults

_DEMO = Path(__file__).parents[3] / "examples" / "demo-artifact"
_SWEEP = Path("slo_sweep.json")


Full = Annotated[
    bool, typer.Option("--full/--quick", help="Everything, or two rivals at two loads.")
]
Sweep = Annotated[bool, typer.Option("--sweep", help="Only find each rival's best settings.")]
Artifacts = Annotated[Path | None, typer.Option(help="beit3_base artifacts, exported here once.")]
SettingsFile = Annotated[
    Path | None,
    typer.Option(help="Where the sweep writes (slo_sweep.json), and all else reads (ours)."),
]


def slo(
    full: Full = False,
    sweep: Sweep = False,
    rival: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")] = None,
    seconds: Annotated[float, typer.Option(help="Length of each cell.", min=1.0)] = 14.0,
    seed: Annotated[int, typer.Option(help="Draws arrivals and pictures.", min=0)] = 0,
    artifacts: Artifacts = None,
    demo: Annotated[Path, typer.Option(help="The demo artifact.", show_default=False)] = _DEMO,
    settings: SettingsFile = None,
    json_file: JsonFile = None,
    plot_file: PlotFile = None,
) -> None:
    """Serve beit3_base under an open loop of requests with deadlines, beside real rivals.

    Offered load is set against what the full variant reaches on this machine. Quick takes about
    ten minutes, full about forty. Rivals need an environment: make .venv-rivals/.installed

    [bold]otmv bench slo --quick[/bold]

    [bold]otmv bench slo --full --json slo.json --plot slo.png[/bold]
    """
    from engine.config import default_cache_dir
    from loadtests.slo.program import EVERY_CELL, QUICK_CELLS, SloBench
    from loadtests.slo.servers import ENVIRONMENT
    from loadtests.slo.sweep import SETTINGS
    from loadtests.slo.visits import Offering

    if plot_file is not None:
        need_matplotlib()
    folder = artifacts or default_cache_dir() / "bench"
    offering = Offering(EVERY_CELL if full else QUICK_CELLS, seconds, seed)
    setup = SloBench(folder, ENVIRONMENT, offering)
    chosen = _rivals(rival, full=full or sweep)
    if sweep:
        _sweep(setup, chosen, settings or _SWEEP)
    else:
        _measure(setup, chosen, (demo, settings or SETTINGS), json_file, plot_file)


def _rivals(only: Sequence[str] | None, *, full: bool) -> list[str]:
    """Return those asked for, or those of the quick or the full run."""
    from loadtests.slo.program import QUICK_RIVALS
    from loadtests.slo.servers import RIVALS

    for name in only or ():
        if name not in RIVALS:
            fail(f"no rival {name!r}; there are {', '.join(RIVALS)}")
    return [name for name in RIVALS if name in (only or (RIVALS if full else QUICK_RIVALS))]


def _sweep(setup: SloBench, rivals: Sequence[str], path: Path) -> None:
    from loadtests.slo import program
    from loadtests.slo.servers import missing
    from loadtests.slo.sweep import record

    for name in rivals:
        if why := missing(name, setup.rivals_folder):
            fail(why)
    with progress() as report:
        facts = _prepare(setup, report)
        trials = program.sweep(rivals, setup, report)
    found = record(trials)
    write(path, {**facts, **found}, [], seed=setup.offering.seed)
    for name, best in found["settings"].items():
        Console().print(f"{name}: {json.dumps(best)}", highlight=False)
    Console().print(f"wrote {path}", highlight=False, markup=False, soft_wrap=True)


def _measure(
    setup: SloBench,
    rivals: Sequence[str],
    paths: tuple[Path, Path],
    json_file: Path | None,
    plot_file: Path | None,
) -> None:
    from loadtests.slo import program
    from loadtests.slo.servers import missing
    from loadtests.slo.sweep import read_settings

    demo, settings_file = paths
    absent = {name: why for name in rivals if (why := missing(name, setup.rivals_folder))}
    with progress() as report:
        settings = read_settings(settings_file, [name for name in rivals if name not in absent])
        facts = _prepare(setup, report)
        measured = program.run_beside(settings, setup, report)
        alone = program.run_alone(demo, setup, report)
    measured.absent |= absent
    bars = _bars(measured)
    _show(measured, alone, bars)
    if json_file is not None:
        from loadtests.slo.report import row_record, yardstick_record

        facts["settings"] = {name: asdict(each) for name, each in settings.items()}
        for name, part in {"family": measured, "demo": alone}.items():
            rows = [row_record(row) for row in part.rows]
            facts[name] = {**yardstick_record(part.yardstick), "rows": rows}
        facts["failures"] = measured.failures
        write(json_file, facts, bars, seed=setup.offering.seed)
    if plot_file is not None:
        from loadtests.slo.calibration import plot_tenths, together
        from loadtests.slo.plot import plot

        plot(measured.rows, measured.yardstick, plot_file)
        chances_file = plot_file.with_name(f"{plot_file.stem}_chances{plot_file.suffix}")
        plot_tenths(together(measured.tenths), chances_file)
    for failure in measured.failures:
        complain(failure)
    if measured.failures or any(bar.verdict == "short" for bar in bars):
        raise typer.Exit(1)


def _bars(measured: SloResults) -> list[Bar]:
    """Return every bar of the live benchmark; further parts append theirs here."""
    from loadtests.slo.bars import not_run, own_bars, rival_bars
    from loadtests.slo.calibration import chances_bar, together
    from loadtests.slo.servers import RIVALS

    bars: list[Bar] = []
    for name in RIVALS:
        if any(row.side == name for row in measured.rows):
            bars += rival_bars(measured.rows, measured.yardstick, name)
        else:
            bars += not_run(name, measured.absent.get(name, "not part of this run: --full"))
    bars += own_bars(measured.rows, measured.yardstick)
    return [*bars, chances_bar("slo.on-time-chances.mean-error", together(measured.tenths))]


def _show(measured: SloResults, alone: SloResults, bars: Sequence[Bar]) -> None:
    from loadtests.slo.report import cells_table

    console = Console()
    for title, part in {"beit3_base": measured, "demo, no bars": alone}.items():
        yardstick = part.yardstick
        console.print(cells_table(title, part.rows, yardstick))
        console.print(
            f"solo {yardstick.solo_s * 1e3:.1f} ms, capacity {yardstick.capacity_hz:.1f}/s, "
            f"smallest variant {yardstick.smallest_over_full:.2f} times that",
            highlight=False,
        )
    print_bars(bars)


def _prepare(setup: SloBench, report: Callable[[str, float], None]) -> dict[str, Any]:
    """Export what is missing; return the facts that every results file holds."""
    from loadtests.kit.artifacts import FAMILY, ensure_artifacts
    from loadtests.slo.servers import RIVALS, version_in

    libraries = (*RIVALS.values(), "onnxruntime")
    hashes = ensure_artifacts(setup.artifacts, [FAMILY], report)
    return {
        "seconds": setup.offering.seconds,
        "artifacts": hashes,
        "rivals": {name: version_in(setup.rivals_folder, name) for name in libraries},
    }
