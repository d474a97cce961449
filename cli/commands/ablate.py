"""`otmv ablate`: what a choice of tuning is worth, beside what the papers say of it."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artifact.errors import how_to_install
from cli.commands.bench.console import (
    DirtyOk,
    allow_dirty,
    check_writable,
    need_matplotlib,
    print_bars,
    progress,
    write,
)
from cli.console import fail, note, say, show, table

if TYPE_CHECKING:
    from loadtests.tuning.ablate.plans.contract import Ablation
    from loadtests.tuning.ablate.program import Ablated
    from loadtests.tuning.ablate.run import AblationRun
    from loadtests.tuning.ablate.scale import AblationScale

app = typer.Typer()

_MINUTE_S, _HOUR_S = 60, 3600

_Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Which ones; none: list them.")
]
_Quick = Annotated[bool, typer.Option("--quick", help="A look of minutes, labelled so; no result.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only list the runs, and how long.")]
_Work = Annotated[Path, typer.Option(help="Keeps checkpoints, data and what runs found.")]
_Out = Annotated[Path, typer.Option(help="Folder of NAME.json and NAME.png.")]
_AtOnce = Annotated[
    int | None, typer.Option(help="Runs beside each other, by default one a core.", min=1)
]
_Fresh = Annotated[bool, typer.Option("--fresh", help="Forget what runs found at this scale.")]


@app.command()
def ablate(
    names: _Names = None,
    quick: _Quick = False,
    dry_run: _DryRun = False,
    work: _Work = Path("runs/ablate"),
    out: _Out = Path("runs/ablate/results"),
    at_once: _AtOnce = None,
    fresh: _Fresh = False,
    dirty_ok: DirtyOk = False,
) -> None:
    """Tune models that differ in one choice alone, and say what it is worth at every depth.

    Each asks a question of the papers again, in small, with several seeds: on easy-VQA (pip install
    easy-vqa) and on the generated world. The papers' claims stand beside ours, with intervals.

    [bold]otmv ablate skip-probability --dry-run[/bold]

    [bold]otmv ablate skip-probability coefficients --out ablations[/bold]

    A run is kept when it ends; ablations share runs. Stopped at any time, the same command goes on.
    """
    from loadtests.tuning.ablate.plans import ABLATIONS
    from loadtests.tuning.ablate.scale import FULL, QUICK

    if not names:
        show(table(None, ("ablation", "asks"), (), ((a.name, a.asks) for a in ABLATIONS.values())))
        return
    chosen, scale = _chosen(names), QUICK if quick else FULL
    beside = at_once or len(os.sched_getaffinity(0))
    if dry_run:
        for each in chosen:
            _list(each, scale, work, beside)
        return
    need_matplotlib()
    allow_dirty(dirty_ok)
    for each in chosen:
        check_writable(_file(out, each, scale, ".json"))
    for number, each in enumerate(chosen):
        _run(each, scale, (work, out), beside, fresh=fresh and number == 0, dirty_ok=dirty_ok)


def _chosen(names: list[str]) -> list[Ablation]:
    from loadtests.tuning.ablate.plans import ABLATIONS

    for name in names:
        if name not in ABLATIONS:
            fail(f"no ablation {name!r}; there are {', '.join(ABLATIONS)}", code=2)
    if find_spec("torch") is None:
        fail(f"tuning needs torch: {how_to_install('tune')}")
    return [ABLATIONS[name] for name in names]


def _file(out: Path, ablation: Ablation, scale: AblationScale, suffix: str) -> Path:
    return out / f"{ablation.name}{'-quick' if scale.quick else ''}{suffix}"


def _run(
    ablation: Ablation,
    scale: AblationScale,
    folders: tuple[Path, Path],
    at_once: int,
    *,
    fresh: bool,
    dirty_ok: bool,
) -> None:
    from loadtests.kit.errors import BenchError
    from loadtests.tuning.ablate.program import run

    work, out = folders
    with progress() as report:
        done = run(ablation, scale, work, report, at_once=at_once, fresh=fresh)
    _show(done)
    json_file, picture = (_file(out, ablation, scale, suffix) for suffix in (".json", ".png"))
    try:
        if not dirty_ok and json_file.resolve().is_relative_to(_results_root()):
            done.check_commits()
        json_file.parent.mkdir(parents=True, exist_ok=True)
        write(json_file, done.facts(), done.summary.bars, done.measured())
        done.draw(picture)
    except BenchError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or json_file}: {error.strerror}")
    note(f"written: {json_file}, {picture}")


def _results_root() -> Path:
    from loadtests.kit.origin import ROOT

    return ROOT / "loadtests"


def _show(done: Ablated) -> None:
    """Print the claims, the notes and the bars."""
    say(done.title, style="bold")
    for claim in done.summary.claims:
        say(claim.line())
    for line in done.summary.notes:
        say(line)
    print_bars(done.summary.bars)


def _list(ablation: Ablation, scale: AblationScale, work: Path, at_once: int) -> None:
    """Print the grid of an ablation, and how long each run would take."""
    from loadtests.tuning.ablate.estimate import seconds_of
    from loadtests.tuning.ablate.program import kept_keys
    from loadtests.tuning.ablate.run import in_order

    runs = ablation.runs(scale)
    every = in_order(runs)
    with progress() as report:
        kept = kept_keys(work, scale, runs)
        expected_s = seconds_of(runs, report)
    rows = [(run.data, run.arm, str(run.seed), *_facts(run, kept, expected_s)) for run in every]
    show(table(f"{ablation.name}, {scale.name}", ("data", "arm"), ("seed", "steps", "time"), rows))
    left_s = sum(expected_s.get(run.key, 0.0) for run in every if run.key not in kept)
    say(
        f"{len(every)} runs, {len(kept)} kept; {_time(left_s)} of one core left, about "
        f"{_time(left_s / at_once)} with {at_once} at once"
    )


def _facts(run: AblationRun, kept: set[str], expected_s: dict[str, float]) -> tuple[str, str]:
    recipe = run.settings.get("recipe")
    steps = "by time" if run.as_long_as else f"{recipe['run']['steps']:,}" if recipe else "-"
    if run.key in kept:
        return steps, "kept"
    return steps, _time(expected_s[run.key]) if run.key in expected_s else "-"


def _time(seconds: float) -> str:
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.1f} h"
