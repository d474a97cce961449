"""`otmv eval`: measure a checkpoint's variants on a world."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artifact.errors import how_to_install
from cli.console import fail, first_line, say, share_progress, show, table

if TYPE_CHECKING:
    from artifact.pattern import SkipPattern
    from models.checkpoint import Checkpoint
    from tuning.labelled import LabelledData
    from tuning.scores import VariantScore

app = typer.Typer()

_Folder = Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Of `otmv tune`.")]
_World = Annotated[
    Path | None, typer.Option(help="Folder of `otmv world`, instead of a generated world.")
]
_Seed = Annotated[int, typer.Option(help="Seed of the generated world.")]
_Count = Annotated[int, typer.Option(help="Pictures to generate.", min=1)]
_Questions = Annotated[int, typer.Option(help="Per generated picture.", min=1)]
_Blank = Annotated[bool, typer.Option("--blank", help="Show grey pictures only.")]
_Patterns = Annotated[
    str | None, typer.Option(help="Instead of all prefixes; 1 executes an order, 0 skips it.")
]
_Device = Annotated[str, typer.Option(help="cpu, cuda, or auto.")]


@app.command(name="eval")
def evaluate(
    checkpoint: _Folder,
    data: _World = None,
    seed: _Seed = 3,
    count: _Count = 1000,
    questions: _Questions = 6,
    blank: _Blank = False,
    patterns: _Patterns = None,
    device: _Device = "auto",
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

    try:
        from models.checkpoint import load
        from tuning.labelled import from_folder, generated
    except ModuleNotFoundError as error:
        fail(f"measuring needs {error.name}: {how_to_install('tune')}")
    try:
        loaded = load(checkpoint)
        chosen = _patterns(patterns, loaded.model.config.orders)
        side_px = loaded.model.config.image_size
        world = from_folder(data, side_px) if data else generated(seed, count, questions, side_px)
        scores = _measure(loaded, world.blank() if blank else world, chosen, device)
    except (ArtifactError, WorldError, TextError, ValueError) as error:
        fail(first_line(error))
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
    checkpoint: Checkpoint, data: LabelledData, patterns: list[SkipPattern], device: str
) -> list[VariantScore]:
    """Score every pattern under one progress bar."""
    from tuning.device import choose_device
    from tuning.evaluation import Evaluation
    from tuning.scores import score

    evaluation = Evaluation(checkpoint, data, choose_device(device))
    scores = []
    with share_progress(remaining=True) as report:
        for done, pattern in enumerate(patterns):

            def advance(share: float, done: int = done, bits: str = pattern.bits) -> None:
                report(bits, (done + share) / len(patterns))

            advance(0.0)
            scores.append(score(evaluation, pattern, advance))
    return scores


def print_scores(data: LabelledData, scores: list[VariantScore], title: str) -> None:
    """Print one row per variant, and for the one with most orders each kind of text."""
    from artifact.task import TASKS
    from tuning.tasks import TUNED_TASKS

    measures = [task.heading for task in TUNED_TASKS.values()]
    rows = []
    for score in scores:
        parts = [score.tasks.get(name) for name in TUNED_TASKS]
        shares = (_share(part.quality if part else None) for part in parts)
        rows.append((str(score.pattern.depth), score.pattern.bits, *shares))
    say(title)
    show(table(None, (), ("orders", "pattern", *measures), rows))
    deepest = max(scores, key=lambda score: score.pattern.depth)
    for name, found in deepest.tasks.items():
        if shown := "  ".join(f"{kind} {_share(share)}" for kind, share in found.kinds.items()):
            say(f"{deepest.pattern.bits} by kind of {TASKS[name].text}: {shown}")
    asked, stated = len(data.questions), len(data.statements)
    say(f"{len(data.pixels)} pictures, {asked} questions, {stated} statements")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
