"""`otmv bench slo`: our server and other servers under the same live load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cli.commands.bench import slo_tuning
from cli.commands.bench.console import (
    JsonFile,
    PlotFile,
    end,
    need_matplotlib,
    print_bars,
    progress,
    write,
)
from cli.commands.bench.slo_run import OUR_CODE, SloOptions, prepare
from cli.console import complain, fail, note

if TYPE_CHECKING:
    from loadtests.kit.bars import Bar
    from loadtests.slo.bench import SloResults
    from loadtests.slo.program import TunedRivals

_QUICK_RIVALS = ("mosec", "openvino")
_QUICK_VISITS, _FULL_VISITS = 1, 3


Full = Annotated[
    bool, typer.Option("--full/--quick", help="Everything, or two rivals at two loads.")
]
Tune = Annotated[bool, typer.Option("--tune-rivals", help="Only find each rival's best settings.")]
Rivals = Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")]
Visits = Annotated[int | None, typer.Option(help="To every side: 3, or 1 if quick.", min=1)]
Seconds = Annotated[float, typer.Option(help="Least length of a cell.", min=0.5)]
Requests = Annotated[int, typer.Option(help="Least requests of a cell.", min=1)]
Seed = Annotated[int, typer.Option(help="Draws arrivals and pictures.", min=0, max=900)]
Artifacts = Annotated[Path | None, typer.Option(help="beit3_base artifacts, exported here once.")]
Settings = Annotated[
    Path | None,
    typer.Option(help="The rivals' settings: --tune-rivals writes them, all else reads them."),
]
JournalFile = Annotated[
    Path | None, typer.Option("--journal", help="Keeps what is measured; goes on from it.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Begin the journal anew.")]


def slo(
    full: Full = False,
    tune_rivals: Tune = False,
    rival: Rivals = None,
    visits: Visits = None,
    seconds: Seconds = 20.0,
    requests: Requests = 200,
    seed: Seed = 0,
    artifacts: Artifacts = None,
    settings: Settings = None,
    journal: JournalFile = None,
    fresh: Fresh = False,
    json_file: JsonFile = None,
    plot_file: PlotFile = None,
) -> None:
    """Serve beit3_base under an open loop of requests with deadlines, beside real rivals.

    Offered load is set against what the full variant reaches on this machine. Quick takes about
    fifteen minutes and draws no bars, full about four hours, --tune-rivals about three. Each keeps
    a journal: stopped at any time, the same command goes on where it was. Rivals need an
    environment: make .venv-rivals/.installed

    [bold]otmv bench slo --quick[/bold]

    [bold]otmv bench slo --tune-rivals[/bold]

    [bold]otmv bench slo --full --json slo.json --plot slo.png[/bold]
    """
    from engine.config import default_cache_dir

    if plot_file is not None:
        need_matplotlib()
    names = _rivals(rival, everything=full or tune_rivals)
    turns = visits or (_FULL_VISITS if full else _QUICK_VISITS)
    folder = artifacts or default_cache_dir() / "bench"
    options = SloOptions(folder, seconds, requests, seed, journal, fresh)
    if tune_rivals:
        slo_tuning.tune(options, names, settings)
    else:
        _measure(options, (names, turns, full), settings, json_file, plot_file)


def _rivals(only: Sequence[str] | None, *, everything: bool) -> list[str]:
    """Return those asked for, or those of the quick or the full run."""
    from loadtests.slo.servers import RIVALS

    for name in only or ():
        if name not in RIVALS:
            fail(f"no rival {name!r}; there are {', '.join(RIVALS)}")
    return [name for name in RIVALS if name in (only or (RIVALS if everything else _QUICK_RIVALS))]


def _measure(
    options: SloOptions,
    asked: tuple[Sequence[str], int, bool],
    settings: Path | None,
    json_file: Path | None,
    plot_file: Path | None,
) -> None:
    """Measure or go on, show, write and draw; `asked` is rivals, visits, whether it is full."""
    from loadtests.kit import journal
    from loadtests.slo import program
    from loadtests.slo.bench import absent
    from loadtests.slo.plan import EVERY_CELL, QUICK_CELLS

    rivals, turns, full = asked
    setup = options.setup(EVERY_CELL if full else QUICK_CELLS)
    missing = {name: why for name in rivals if (why := absent(name, setup.rivals_folder))}
    there = [name for name in rivals if name not in missing]
    if not there:
        fail("; ".join(missing.values()))
    with progress() as report:
        facts, tuned = prepare(setup, there, settings, report)
    of_run = {**options.run(facts, OUR_CODE), "visits": turns, "settings": _records(tuned)}
    path = options.journal_file("full" if full else "quick")
    with progress() as report, journal.opened(path, of_run, fresh=options.fresh) as kept:
        run = program.plan_run(tuned, turns, setup, kept, report)
        note(run.said)
        measured = run.run(report)
    bars = _bars(measured, missing)
    _show(measured, bars)
    if json_file is not None:
        _write(json_file, {**of_run, "bench": "slo"}, measured, bars)
    if plot_file is not None:
        _draw(plot_file, measured)
    failures = [each for found in measured.values() for each in found.failures]
    for failure in failures:
        complain(failure)
    end(bars, failed=bool(failures))


def _records(tuned: TunedRivals) -> dict[str, Any]:
    return {
        rival: {variant: asdict(each) for variant, each in variants.items()}
        for rival, variants in tuned.items()
    }


def _bars(measured: Mapping[str, SloResults], missing: Mapping[str, str]) -> list[Bar]:
    """Return every bar of the live benchmark; further parts append theirs here."""
    from loadtests.slo.judging.bars import not_run, own_bars, rival_bars
    from loadtests.slo.judging.calibration import chances_bar_of_turns
    from loadtests.slo.servers import RIVALS

    bars: list[Bar] = []
    for name, known in RIVALS.items():
        found = measured.get(known.backend)
        if found is not None and any(row.side == name for row in found.rows):
            bars += rival_bars(found.rows, found.yardstick, name)
        else:
            why = found.absent.get(name) if found is not None else None
            bars += not_run(name, why or missing.get(name, "not part of this run: --full"))
    for backend, found in measured.items():
        bars += own_bars(found.rows, found.yardstick)
        named = f"slo.ours.{backend}.on-time-chances.mean-error"
        bars.append(chances_bar_of_turns(named, found.tenths))
    return bars


def _show(measured: Mapping[str, SloResults], bars: Sequence[Bar]) -> None:
    from loadtests.slo.report import cells_table

    console = Console()
    for backend, found in measured.items():
        yardstick = found.yardstick
        console.print(cells_table(f"beit3_base on {backend}", found.rows, yardstick))
        console.print(
            f"solo {yardstick.solo_s * 1e3:.1f} ms, capacity {yardstick.capacity_hz:.1f}/s, "
            f"smallest variant {yardstick.smallest_over_full:.2f} times that",
            highlight=False,
        )
    print_bars(bars)


def _write(
    path: Path, facts: Mapping[str, Any], measured: Mapping[str, SloResults], bars: Sequence[Bar]
) -> None:
    from loadtests.slo.report import row_record, yardstick_record

    parts = {
        backend: {
            **yardstick_record(found.yardstick),
            "rows": [row_record(row, found.yardstick.capacity_hz) for row in found.rows],
            "failures": found.failures,
        }
        for backend, found in measured.items()
    }
    write(path, facts, bars, parts, seed=facts["options"]["seed"])


def _draw(path: Path, measured: Mapping[str, SloResults]) -> None:
    """Draw a picture for each backend, and of each the chances; the first is `path` itself."""
    from loadtests.slo.judging.calibration import plot_tenths, together
    from loadtests.slo.plot import plot

    for number, (backend, found) in enumerate(measured.items()):
        own = path.with_name(f"{path.stem}_{backend}{path.suffix}") if number else path
        plot(found.rows, found.yardstick, own)
        plot_tenths(together(found.tenths), own.with_name(f"{own.stem}_chances{own.suffix}"))
