"""The options of `otmv export`, as its help shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from artifact.task import TASKS

Folder = Annotated[
    Path | None,
    typer.Argument(help="Folder written by `otmv tune` or `otmv import`.", show_default=False),
]
Out = Annotated[Path, typer.Option(help="Artifact folder to make.")]
Random = Annotated[
    str | None, typer.Option(help="Random weights of beit3_base or beit3_large instead.")
]
ImageSize = Annotated[int, typer.Option(help="With --random: side in pixels.")]
Keys = Annotated[int, typer.Option(help="With --random: key blocks; divides the orders.")]
Tasks = Annotated[str, typer.Option(help=f"With --random: some of {','.join(TASKS)}.")]
Curve = Annotated[
    Path | None, typer.Option(help="With --random: JSON of declared quality by depth.")
]
Depths = Annotated[
    str | None, typer.Option(help="With --random: variants, as 3,6,12; none: every depth.")
]
Data = Annotated[
    str | None, typer.Option(help="A world or data set to measure on, instead of fresh pictures.")
]
Choose = Annotated[str | None, typer.Option(help="Split of a data set to search the ladder on.")]
Report = Annotated[str | None, typer.Option(help="Split of a data set to report quality on.")]
Pictures = Annotated[int, typer.Option(help="Fresh pictures, or examples, to report on.", min=8)]
Whole = Annotated[
    Literal["all", "full", "none"], typer.Option(help="Variants that also become one graph each.")
]
Chain = Annotated[
    bool,
    typer.Option(
        "--chain", help="Each variant's orders begin the next one's; what that costs is measured."
    ),
]
Methods = Annotated[
    str | None, typer.Option(help="With --random: Table 4's methods instead, all or some ids.")
]
Adapters = Annotated[
    list[str] | None,
    typer.Option(
        help="Room for adapters, as lora:16 or lora:16+serial:64; several: the first that fits.",
        show_default=False,
    ),
]
