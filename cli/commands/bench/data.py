"""`otmv bench data`: what reading and loading data costs."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from artifact.errors import how_to_install
from cli.commands.bench.console import JsonFile, end, print_bars, progress, write
from cli.console import fail

_QUICK_SHARE = 40


def data(
    folder: Annotated[
        Path | None, typer.Option(help="For 1 GB of made-up data, removed at the end.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="Of each measurement.", min=1)] = 3,
    quick: Annotated[bool, typer.Option(help="A fortieth of the data: a look, no claim.")] = False,
    seed: Annotated[int, typer.Option(help="Draws the data.", min=0)] = 0,
    json_file: JsonFile = None,
) -> None:
    """Make up data, and measure what reading and loading it costs against its bars.

    Processor time a picture, with and without RandAugment; the rate of steps that only sleep;
    memory of the workers over an epoch; reading VQA v2's format at its real size. About six minutes
    on two cores.

    [bold]otmv bench data --json data.json[/bold]
    """
    from loadtests.data.made_up import PICTURES, QUESTIONS
    from loadtests.data.suite import DataBench, run

    if find_spec("torch") is None:
        fail(f"loading data needs torch: {how_to_install('tune')}")
    share = _QUICK_SHARE if quick else 1
    with progress() as report, tempfile.TemporaryDirectory(dir=folder) as made_up:
        bench = DataBench(
            Path(made_up),
            repeats,
            epoch=16_000 // share,
            questions=QUESTIONS // share,
            pictures=PICTURES // share,
            seed=seed,
        )
        bars = run(bench, report)
    print_bars(bars)
    if json_file is not None:
        write(json_file, {"quick": quick, "repeats": repeats}, bars, seed=seed)
    end(bars)
