"""`otmv world`: generate pictures with their questions and captions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tuning.world.dataset import write_world
from tuning.world.errors import WorldError

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.command()
def world(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder to write.")],
    count: Annotated[int, typer.Option(help="Pictures to generate.")] = 1000,
    seed: Annotated[int, typer.Option(help="Same seed, same world; other seed, other one.")] = 0,
    questions: Annotated[int, typer.Option(help="Questions per picture.")] = 6,
    statements: Annotated[int, typer.Option(help="Statements per pair of pictures.")] = 2,
) -> None:
    """Generate a world: pictures of colored shapes, with questions, captions and statements.

    OUT receives images/000000.jpg ..., vqa.jsonl, caption.jsonl, and nlvr2.jsonl with statements
    about each picture and the one before it. Nothing is downloaded.

    Tune on one seed and measure on another:

    [bold]otmv world world/train --count 2000 --seed 1[/bold]

    [bold]otmv world world/test --count 500 --seed 777[/bold]
    """
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    columns = (
        TextColumn("drawing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    try:
        with Progress(
            *columns, console=errors, transient=True, disable=not errors.is_terminal
        ) as progress:
            task = progress.add_task("drawing", total=max(count, 0))
            write_world(
                out,
                count,
                seed,
                questions,
                statements,
                on_progress=lambda done, _total: progress.update(task, completed=done),
            )
    except WorldError as error:
        errors.print(f"[red]{escape(str(error))}[/red]")
        raise typer.Exit(1) from error
    typer.echo(
        f"{out}: {count} pictures, {count * questions} questions, {count} captions, "
        f"{(count - 1) * statements} statements"
    )
