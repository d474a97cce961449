"""`otmv world`: generate pictures with their questions and captions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.console import counted_progress, fail, say
from tuning.world.dataset import write_world
from tuning.world.errors import WorldError

app = typer.Typer()


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
    try:
        with counted_progress() as bars:
            drawing = bars.add_task("drawing", total=max(count, 0), facts="")
            write_world(
                out,
                count,
                seed,
                questions,
                statements,
                on_progress=lambda done, _total: bars.update(drawing, completed=done),
            )
    except WorldError as error:
        fail(str(error))
    say(
        f"{out}: {count} pictures, {count * questions} questions, {count} captions, "
        f"{(count - 1) * statements} statements"
    )
