"""`otmv tune`."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from tuning.loop import Progress as StepProgress
    from tuning.recipe import Recipe

app = typer.Typer()


@app.command()
def tune(
    recipe: Annotated[str, typer.Argument(help="demo, demo-literal or smoke.")] = "demo",
    out: Annotated[
        Path | None, typer.Option(help="Checkpoint folder; an unfinished run there is resumed.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="One phase of so many steps, instead of the recipe's.", min=1)
    ] = None,
    pictures: Annotated[int | None, typer.Option(help="Instead of the recipe's.", min=1)] = None,
    device: Annotated[
        str, typer.Option(help="cpu, cuda, or auto: cuda where there is one.")
    ] = "auto",
    cache: Annotated[Path, typer.Option(help="Folder of rendered pools.")] = Path("runs/cache"),
    seed: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
) -> None:
    """Tune one model, once, for all its variants: gates are drawn anew at every step.

    Example: otmv tune demo --out runs/demo

    The demo takes about 75 minutes on two cores. Stop it when you like: the same command resumes.
    """
    from tuning.recipe import RECIPES

    console = Console(stderr=True)
    if recipe not in RECIPES:
        _fail(console, f"no recipe {recipe!r}; there are: {', '.join(RECIPES)}")
    chosen = RECIPES[recipe]
    if pictures is not None:
        chosen = dataclasses.replace(chosen, pictures=pictures)
    if seed is not None:
        chosen = dataclasses.replace(chosen, seed=seed)
    if steps is not None:
        chosen = chosen.shortened(steps)
    try:
        _run(console, chosen, out or Path("runs") / recipe, device, cache)
    except ModuleNotFoundError as error:
        _fail(console, f"tuning needs {error.name}: pip install 'otmv-serve[tune]'")
    except OSError as error:
        _fail(console, f"{error} (check free space and rights; the same command resumes)")


def _fail(console: Console, problem: str) -> NoReturn:
    console.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def _run(console: Console, recipe: Recipe, out: Path, device_name: str, cache: Path) -> None:
    from tuning import loop, pool
    from tuning.device import choose_device
    from tuning.recipe import TUNING_SEED
    from tuning.state import ResumeError

    try:
        device = choose_device(device_name)
    except ValueError as error:
        _fail(console, str(error))
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[facts]}"),
    )
    started_s = time.monotonic()
    with Progress(*columns, console=console) as bar:
        drawing = bar.add_task("pictures", total=recipe.pictures, facts="")
        data = pool.render_pool(
            TUNING_SEED,
            recipe.pictures,
            recipe.questions,
            recipe.config.image_size,
            cache,
            lambda share: bar.update(drawing, completed=int(share * recipe.pictures)),
        )
        bar.update(drawing, completed=recipe.pictures)
        stepping = bar.add_task("steps", total=recipe.steps, facts="")
        window: deque[loop.Progress] = deque(maxlen=50)

        def on_step(at: loop.Progress) -> None:
            window.append(at)
            facts = _facts(window)
            bar.update(stepping, completed=at.step + 1, facts=facts)
            if not console.is_terminal and (at.step + 1) % 50 == 0:
                elapsed_s = time.monotonic() - started_s
                console.print(f"step {at.step + 1}/{recipe.steps}  {elapsed_s:.0f} s  {facts}")

        try:
            loop.tune(recipe, data, out, device, on_step)
        except ResumeError as error:
            _fail(console, str(error))
    console.print(f"tuned: {out}  ({(time.monotonic() - started_s) / 60:.0f} minutes)")


def _facts(window: Sequence[StepProgress]) -> str:
    """Say the recent share of right answers of every task, the last loss of one that writes."""
    right, losses = [], []
    for task, last in window[-1].tasks.items():
        if last.right is None:
            losses.append(f"{task} loss {last.loss:.3f}")
        else:
            mean = sum(each.tasks[task].right or 0.0 for each in window) / len(window)
            right.append(f"{task} {mean:.3f}")
    return "  ".join((f"right: {' '.join(right)}", *losses))
