"""`otmv bench table4`: the paper's Table 4, measured here, or read from a running Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.commands.bench.console import (
    JsonFile,
    PlotFile,
    end,
    need_matplotlib,
    print_bars,
    progress,
    write,
)
from cli.console import complain, fail

if TYPE_CHECKING:
    from artifact.task import TaskName
    from loadtests.table4.ledger import Ledger
    from loadtests.table4.program import Table4Bench

_TURN_BATCHES = 8
"""Batches of one method before the next method's turn."""

_DRIVING = "With --drive"
_ASKING = "With --from-prometheus"
_WIDE = 140
"""Columns of a screen on which the notes can be read; the results file always has them."""


Tasks = Annotated[
    list[str] | None, typer.Option(help="Only vqa, reason or caption; may be repeated.")
]
Methods = Annotated[
    list[str] | None, typer.Option(help="Only this one, beside full; may be repeated.")
]
Galleries = Annotated[Path | None, typer.Option(help="The galleries, exported here once.")]
DriveUrl = Annotated[
    str | None, typer.Option(help="Send traffic to this server instead of measuring.")
]
Seconds = Annotated[float, typer.Option(help=f"{_DRIVING}: how long.", min=0.1)]
Concurrency = Annotated[
    int | None, typer.Option(help=f"{_DRIVING}: open requests; two batches.", min=1)
]
FromPrometheus = Annotated[
    str | None, typer.Option(help="Read the table from this Prometheus instead of measuring.")
]
LedgerFile = Annotated[
    Path | None, typer.Option(help="Written by --drive; --from-prometheus is held against it.")
]
DirectFile = Annotated[
    Path | None, typer.Option(help=f"{_ASKING}: a --json file of a measured table, beside it.")
]

HELP = """Measure the speed of the methods of the paper's Table 4 over full fine-tuning.

Every method is a whole model of random weights, exported once as one graph per task. All run on
one backend with the same inputs, each once in every round. A speed is full's time over the
method's own, median over rounds; ideal is the same of their operations. Nothing is tuned to
the paper, whose numbers (A100, BEiT-3 Large) stand beside ours. Twelve minutes on two cores
and 11 GB of memory; the first time longer, to export.

[bold]otmv bench table4 --json table4.json --plot table4.png[/bold]

[bold]otmv bench table4 --task vqa --method otmv --method vlpet --rounds 3[/bold]

The same table from live traffic is pictures per busy second, by Prometheus. Serve a gallery,
let Prometheus scrape it, send every method the same requests in turns, and ask:

[bold]OTMV_MAX_BATCH=4 otmv serve GALLERY[/bold]

[bold]otmv bench table4 --drive http://127.0.0.1:8000 --task vqa --ledger run.json[/bold]

[bold]otmv bench table4 --from-prometheus http://127.0.0.1:9090 --ledger run.json --direct
table4.json[/bold]

Both at once drive first and then ask.
"""


def table4(
    preset: Annotated[str, typer.Option(help="cpu, or paper: Large at the paper's sizes.")] = "cpu",
    task: Tasks = None,
    method: Methods = None,
    backend: Annotated[str, typer.Option(help="The library all methods run on.")] = "onnxruntime",
    rounds: Annotated[int, typer.Option(help="Times every method is measured.", min=1)] = 15,
    seed: Annotated[int, typer.Option(help="Draws pictures and words.", min=0)] = 0,
    artifacts: Galleries = None,
    json_file: JsonFile = None,
    plot_file: PlotFile = None,
    drive: DriveUrl = None,
    seconds: Seconds = 60.0,
    concurrency: Concurrency = None,
    from_prometheus: FromPrometheus = None,
    window: Annotated[str, typer.Option(help=f"{_ASKING}, no ledger: the last so long.")] = "5m",
    ledger: LedgerFile = None,
    direct: DirectFile = None,
) -> None:
    """Measure Table 4, drive a server for it, or read it from Prometheus: `HELP` says how."""
    from engine.config import default_cache_dir
    from loadtests.table4 import methods, presets, program

    if plot_file is not None:
        need_matplotlib()
    folder = artifacts or default_cache_dir() / "bench"
    with progress() as report:
        chosen = presets.preset_named(preset), _tasks(task), methods.chosen(method or ())
        setup = program.Table4Bench(*chosen, folder, _installed(backend), rounds, seed)
        sent = _drive(setup, drive, (seconds, concurrency), method, report) if drive else None
    if sent is not None and ledger is not None:
        _write_ledger(sent, ledger)
    if from_prometheus is not None:
        _ask(from_prometheus, window, sent, ledger, direct, json_file)
    elif sent is None:
        _measure(setup, json_file, plot_file)


def _tasks(names: Sequence[str] | None) -> list[TaskName]:
    from monitoring.table4 import COLUMNS

    for name in names or ():
        if name not in COLUMNS:
            fail(f"no task {name!r}; there are {', '.join(COLUMNS)}")
    return [task for task in COLUMNS if not names or task in names]


def _installed(backend: str) -> str:
    from engine.backends.registry import installed_backends

    if backend not in (installed := installed_backends()):
        fail(f"backend {backend!r} is not installed; there are {', '.join(installed)}")
    return backend


def _measure(setup: Table4Bench, json_file: Path | None, plot_file: Path | None) -> None:
    from loadtests.table4 import bars as held
    from loadtests.table4 import galleries, program, report, rows

    with progress() as tell:
        hashes = galleries.ensure_galleries(setup.artifacts, setup.preset, setup.tasks, tell)
        measured = program.run_all(setup, tell)
    found = rows.speeds(measured.rows)
    bars = held.bars(found, setup.preset.name)
    for task, why in measured.failed.items():
        bars += held.not_run(task, setup.methods, setup.preset.name, why)
    for task in setup.tasks:
        if task not in measured.failed:
            console = Console()
            notes = console.width >= _WIDE
            console.print(report.table(rows.of_task(found, task), task, notes=notes))
    print_bars(bars)
    if json_file is not None:
        facts = report.facts(setup, measured, found)
        write(json_file, {"artifacts": hashes, **facts}, bars, seed=setup.seed)
    if plot_file is not None and found:
        from loadtests.table4.plot import plot

        plot(found, setup.preset.name, plot_file)
    for task, why in measured.failed.items():
        complain(f"{task}: {why}")
    end(bars, failed=bool(measured.failed))


def _drive(
    setup: Table4Bench,
    url: str,
    load: tuple[float, int | None],
    only: Sequence[str] | None,
    report: Callable[[str, float], None],
) -> Ledger:
    from loadtests.table4.drive import Drive, run

    if len(setup.tasks) != 1:
        fail("--drive sends one task's requests: give one --task, the gallery's")
    (task,), (seconds, concurrency) = setup.tasks, load
    work = setup.preset.work[task]
    return run(
        Drive(
            url.rstrip("/"),
            task,
            seconds,
            concurrency or 2 * work.batch,
            _TURN_BATCHES * work.batch,
            work.words,
            tuple(only or ()),
        ),
        report,
    )


def _write_ledger(sent: Ledger, path: Path) -> None:
    try:
        sent.write(path)
    except OSError as error:
        fail(f"{path}: {error.strerror}")


def _ask(
    url: str,
    window: str,
    sent: Ledger | None,
    ledger: Path | None,
    direct: Path | None,
    json_file: Path | None,
) -> None:
    import time

    from loadtests.table4 import live, live_report
    from loadtests.table4.ledger import Ledger
    from loadtests.table4.report import read_direct
    from monitoring.prometheus import Prometheus

    with progress() as report, Prometheus(url) as prometheus:
        live.check_window(window)
        beside = {} if direct is None else read_direct(direct)
        if sent is None and ledger is not None:
            sent = Ledger.read(ledger)
        bars = []
        if sent is None:
            found = live.read_live(prometheus, window, time.time())
        else:
            counted = live.await_counted(prometheus, sent, report)
            found = live.read_live(prometheus, live.run_window(sent, counted), counted.at_s)
            found = live.with_counted(found, sent.task, counted)
            bars.append(live.counters_bar(sent, counted))
    bars += live.direct_bars(found, beside)
    Console().print(live_report.live_table(found, beside))
    print_bars(bars)
    if json_file is not None:
        write(json_file, live_report.live_facts(found, beside, sent), bars)
    end(bars)
