"""`otmv tune`."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artifact.errors import how_to_install
from cli.console import counted_progress, fail, note

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from tuning.loop import TuningProgress
    from tuning.recipe import Recipe

app = typer.Typer()

_RecipeName = Annotated[str, typer.Argument(help="demo, demo-literal, demo-retrieval or smoke.")]
_Out = Annotated[
    Path | None, typer.Option(help="Checkpoint folder; an unfinished run there is resumed.")
]
_Steps = Annotated[
    int | None, typer.Option(help="One phase of this many steps, instead of the recipe's.", min=1)
]
_Pictures = Annotated[int | None, typer.Option(help="Instead of the recipe's.", min=1)]
_Device = Annotated[str, typer.Option(help="cpu, cuda, or auto: cuda where there is one.")]
_Cache = Annotated[Path, typer.Option(help="Folder of rendered pools.")]
_Seed = Annotated[int | None, typer.Option(help="Instead of the recipe's.")]

_WINDOW_STEPS = 50
"""Steps that the shown shares are means of, and steps from one line in a pipe to the next."""


@app.command()
def tune(
    recipe: _RecipeName = "demo",
    out: _Out = None,
    steps: _Steps = None,
    pictures: _Pictures = None,
    device: _Device = "auto",
    cache: _Cache = Path("runs/cache"),
    seed: _Seed = None,
) -> None:
    """Tune one model, once, for all its variants: gates are drawn anew at every step.

    [bold]otmv tune demo --out runs/demo[/bold]

    The demo takes about 45 minutes on two cores. Stop it when you like: the same command resumes.
    """
    from tuning.recipe import RECIPES

    if recipe not in RECIPES:
        fail(f"no recipe {recipe!r}; there are: {', '.join(RECIPES)}")
    chosen = RECIPES[recipe]
    if pictures is not None:
        chosen = dataclasses.replace(chosen, pictures=pictures)
    if seed is not None:
        chosen = dataclasses.replace(chosen, seed=seed)
    if steps is not None:
        chosen = chosen.shortened(steps)
    try:
        _run(chosen, out or Path("runs") / recipe, device, cache)
    except ModuleNotFoundError as error:
        fail(f"tuning needs {error.name}: {how_to_install('tune')}")
    except OSError as error:
        fail(f"{error} (check free space and rights; the same command resumes)")


def _run(recipe: Recipe, out: Path, device_name: str, cache: Path) -> None:
    from tuning import loop, pool
    from tuning.device import choose_device
    from tuning.recipe import TUNING_SEED
    from tuning.state import ResumeError

    try:
        device = choose_device(device_name)
    except ValueError as error:
        fail(str(error))
    started_s = time.monotonic()
    with counted_progress(stays=True) as bars:
        drawing = bars.add_task("pictures", total=recipe.pictures, facts="")
        data = pool.render_pool(
            TUNING_SEED,
            recipe.pictures,
            recipe.questions,
            recipe.config.image_size,
            cache,
            lambda share: bars.update(drawing, completed=int(share * recipe.pictures)),
        )
        bars.update(drawing, completed=recipe.pictures)
        try:
            loop.tune(recipe, data, out, device, _shown_steps(bars, recipe.steps, started_s))
        except ResumeError as error:
            fail(str(error))
    note(f"tuned: {out}  ({(time.monotonic() - started_s) / 60:.0f} minutes)")


def _shown_steps(bars: Bars, steps: int, started_s: float) -> Callable[[TuningProgress], None]:
    """Return what shows a step: in the bar, and in a pipe as a line now and then."""
    stepping = bars.add_task("steps", total=steps, facts="")
    window: deque[TuningProgress] = deque(maxlen=_WINDOW_STEPS)

    def on_step(at: TuningProgress) -> None:
        window.append(at)
        facts = _facts(window)
        done = at.step + 1
        bars.update(stepping, completed=done, facts=facts)
        if not bars.console.is_terminal and done % _WINDOW_STEPS == 0:
            note(f"step {done}/{steps}  {time.monotonic() - started_s:.0f} s  {facts}")

    return on_step


def _facts(window: Sequence[TuningProgress]) -> str:
    """Say the recent share of right answers of every task, the last loss of one that writes."""
    right, losses = [], []
    for task, last in window[-1].tasks.items():
        if last.right is None:
            losses.append(f"{task} loss {last.loss:.3f}")
        else:
            mean = sum(each.tasks[task].right or 0.0 for each in window) / len(window)
            right.append(f"{task} {mean:.3f}")
    return "  ".join((f"right: {' '.join(right)}", *losses))
