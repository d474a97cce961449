"""`otmv bench siege`: attacks on a real server, and loads far beyond it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.bench.console import JsonFile, end, print_bars, progress, write
from cli.console import complain, fail

if TYPE_CHECKING:
    from loadtests.kit.bars import Bar
    from loadtests.siege.setup import SiegeSetup

_DEMO = Path(__file__).parents[3] / "examples" / "demo-artifact"


def siege(
    only: Annotated[list[str] | None, typer.Option(help="One of them; may be repeated.")] = None,
    artifact: Annotated[Path, typer.Option(help="The demo.", show_default=False)] = _DEMO,
    seconds: Annotated[float, typer.Option(help="Length of a load.", min=1.0)] = 60.0,
    soak_minutes: Annotated[float, typer.Option(help="Length of the long one.", min=0.1)] = 30.0,
    deadline_ms: Annotated[float, typer.Option(help="Of polite clients.", min=1.0)] = 200.0,
    answers: Annotated[int, typer.Option(help="That `late` judges at least.", min=1)] = 10_000,
    seed: Annotated[int, typer.Option(help="Draws arrivals.", min=0)] = 0,
    json_file: JsonFile = None,
) -> None:
    """Attack a real server, or send it far more than it can do, and hold it against its bars.

    About forty minutes, thirty of them for the soak. `memory` needs root, for a control group.

    [bold]otmv bench siege --only drain --only connects[/bold]

    [bold]otmv bench siege --json siege.json[/bold]
    """
    from engine.config import default_cache_dir
    from loadtests.siege.registry import SIEGES
    from loadtests.siege.setup import SiegeSetup

    for name in only or ():
        if name not in SIEGES:
            fail(f"no siege {name!r}; there are {', '.join(SIEGES)}")
    names = [name for name in SIEGES if name in (only or SIEGES)]
    setup = SiegeSetup(
        artifact, default_cache_dir(), seconds, soak_minutes, deadline_ms, answers, seed
    )
    bars, failures = _run(names, setup)
    if json_file is not None:
        write(json_file, {"seconds": seconds, "failures": failures}, bars, seed=seed)
    end(bars, failed=bool(failures))


def _run(names: list[str], setup: SiegeSetup) -> tuple[list[Bar], dict[str, str]]:
    """Run the sieges one by one; one that breaks does not stop the others."""
    from loadtests.kit.errors import BenchError
    from loadtests.siege.registry import SIEGES

    bars: list[Bar] = []
    failures: dict[str, str] = {}
    for name in names:
        with progress() as report:
            try:
                found = SIEGES[name](setup, report)
            except BenchError as error:
                failures[name] = str(error)
                continue
        print_bars(found)
        bars += found
    for name, why in failures.items():
        complain(f"{name}: {why}")
    return bars, failures
