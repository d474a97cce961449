"""`otmv bench tuning`: a step of once-tuning beside one of plain fine-tuning."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artifact.errors import how_to_install
from cli.commands.bench.console import JsonFile, end, print_bars, progress, write
from cli.console import fail

if TYPE_CHECKING:
    from loadtests.tuning.suite import TuningBench


def tuning(
    rounds: Annotated[int, typer.Option(help="Measurements of each side, in turns.", min=1)] = 15,
    steps: Annotated[int, typer.Option(help="In each measurement.", min=1)] = 5,
    width: Annotated[int, typer.Option(help="Of the model; 64 for each head.", min=64)] = 384,
    orders: Annotated[int, typer.Option(help="Of the model; half as many keys.", min=2)] = 12,
    image_size: Annotated[int, typer.Option(help="Side in pixels.", min=16)] = 128,
    batch: Annotated[int, typer.Option(help="Requests a step.", min=1)] = 16,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
    seed: Annotated[int, typer.Option(help="Draws weights and data.", min=0)] = 0,
    json_file: JsonFile = None,
) -> None:
    """Take steps of once-tuning and of plain fine-tuning in turns, and compare their times.

    Plain fine-tuning has a key block for each order; once-tuning half as many, merged, with gates
    drawn anew at every step, and once more with every gate open. Random data.

    [bold]otmv bench tuning --json tuning.json[/bold]
    """
    from loadtests.tuning.suite import TuningBench

    if find_spec("torch") is None:
        fail(f"tuning needs torch: {how_to_install('tune')}")
    if width % 64 or orders % 2 or image_size % 16:
        fail("--width must be a multiple of 64, --orders of 2, --image-size of 16")
    bench = TuningBench(
        orders=orders,
        width=width,
        heads=width // 64,
        image_size=image_size,
        keys=orders // 2,
        batch=batch,
        steps=steps,
        rounds=rounds,
        device=device,
        seed=seed,
    )
    _run(bench, json_file)


def _run(bench: TuningBench, json_file: Path | None) -> None:
    from loadtests.tuning.suite import run

    with progress() as report:
        bars, measured = run(bench, report)
    print_bars(bars)
    if json_file is not None:
        write(json_file, {}, bars, measured, seed=bench.seed)
    end(bars)
