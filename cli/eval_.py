"""`otmv eval`: measure a checkpoint's variants on a world."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from artifact.pattern import SkipPattern
    from models.checkpoint import Checkpoint
    from tuning.labelled import Data
    from tuning.scores import Score

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.command(name="eval")
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Of `otmv tune`.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder of `otmv world`, instead of a generated world.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the generated world.")] = 3,
    count: Annotated[int, typer.Option(help="Pictures to generate.", min=1)] = 1000,
    questions: Annotated[int, typer.Option(help="Per generated picture.", min=1)] = 6,
    blank: Annotated[bool, typer.Option("--blank", help="Show grey pictures only.")] = False,
    patterns: Annotated[
        str | None, typer.Option(help="Instead of all prefixes; 1 executes an order, 0 skips it.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
) -> None:
    """Measure each variant of CHECKPOINT: right answers, objects named, right judgements.

    By default on 1000 pictures of a seed that no tuning uses, for every prefix of the stack:

    [bold]otmv eval runs/demo[/bold]

    Other skip patterns, and the same model without eyes:

    [bold]otmv eval runs/demo --patterns 11001100,10101010[/bold]

    [bold]otmv eval runs/demo --blank[/bold]
    """
    from artifact.errors import ArtifactError, TextError
    from tuning.world.errors import WorldError

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        from models.checkpoint import load
        from tuning.labelled import from_folder, generated
    except ModuleNotFoundError as error:
        needs = f"measuring needs {error.name}: pip install 'otmv-serve[tune]'"
        console.print(needs, style="red", markup=False)
        raise typer.Exit(1) from error
    try:
        loaded = load(checkpoint)
        config = loaded.model.config
        chosen = _patterns(patterns, config.orders)
        side_px = config.image_size
        world = from_folder(data, side_px) if data else generated(seed, count, questions, side_px)
        scores = _measure(console, loaded, world.blank() if blank else world, chosen, device)
    except (ArtifactError, WorldError, TextError, ValueError) as error:
        reason = str(error).splitlines()[0]
        console.print(f"[red]{escape(reason)}[/red]")
        raise typer.Exit(1) from error
    where = str(data) if data else f"world seed {seed}"
    print_scores(world, scores, f"{checkpoint} on {where}{', blank pictures' if blank else ''}")


def _patterns(text: str | None, orders: int) -> list[SkipPattern]:
    """Read `--patterns`; by default every prefix of the stack."""
    from artifact.pattern import SkipPattern
    from tuning.scores import ladder

    if text is None:
        return ladder(orders)
    chosen = [SkipPattern.from_bits(bits) for bits in text.replace(",", " ").split()]
    if not chosen:
        raise ValueError("--patterns is empty; write for example 11001100,10101010")
    for pattern in chosen:
        if pattern.orders != orders:
            raise ValueError(f"{pattern.bits} has {pattern.orders} orders, the model {orders}")
    return chosen


def _measure(
    console: Console,
    checkpoint: Checkpoint,
    data: Data,
    patterns: list[SkipPattern],
    device: str,
) -> list[Score]:
    """Score every pattern under one progress bar."""
    from tuning.device import choose_device
    from tuning.evaluation import Evaluation
    from tuning.scores import score

    evaluation = Evaluation(checkpoint, data, choose_device(device))
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    scores = []
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("measuring", total=len(patterns))
        for done, pattern in enumerate(patterns):

            def advance(share: float, done: int = done) -> None:
                bar.update(task, completed=done + share)

            bar.update(task, description=pattern.bits)
            scores.append(score(evaluation, pattern, advance))
    return scores


def print_scores(data: Data, scores: list[Score], title: str) -> None:
    """Print one row per variant, and for the one with most orders each kind of text."""
    from artifact.task import TASKS
    from tuning.tasks import TUNED_TASKS

    console = Console(highlight=False, soft_wrap=True)
    table = Table()
    for heading in ("orders", "pattern", *(task.heading for task in TUNED_TASKS.values())):
        table.add_column(heading, justify="right")
    for score in scores:
        parts = [score.tasks.get(name) for name in TUNED_TASKS]
        shares = (_share(part.quality if part else None) for part in parts)
        table.add_row(str(score.pattern.depth), score.pattern.bits, *shares)
    console.print(escape(title))
    console.print(table)
    deepest = max(scores, key=lambda score: score.pattern.depth)
    for name, found in deepest.tasks.items():
        if shown := "  ".join(f"{kind} {_share(share)}" for kind, share in found.kinds.items()):
            console.print(f"{deepest.pattern.bits} by kind of {TASKS[name].text}: {shown}")
    asked, stated = len(data.questions), len(data.statements)
    console.print(f"{len(data.pixels)} pictures, {asked} questions, {stated} statements")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
