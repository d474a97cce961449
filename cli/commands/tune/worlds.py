"""`otmv tune` on the generated world."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cli.commands.tune.options import TuneOptions
from cli.commands.tune.showing import shown_steps
from cli.console import counted_progress, fail, note
from tuning.recipe import TUNING_SEED, Recipe, world_recipe
from tuning.recipes.world import WorldFile

if TYPE_CHECKING:
    import torch


def tune_on_world(file: WorldFile, options: TuneOptions) -> None:
    """Render the pictures and tune on them.

    Raises:
        ResumeError: the folder holds another run.
        OSError: something cannot be written.
    """
    from tuning.device import choose_device

    try:
        recipe, device = _changed(world_recipe(file), options), choose_device(options.device)
    except ValueError as error:
        fail(str(error))
    if options.dry_run:
        from cli.commands.tune.rehearsing import say_rehearsal
        from tuning.finetuning.rehearsal import rehearse_world

        say_rehearsal(file.name, rehearse_world(recipe, device))
        return
    _run(recipe, options.out or Path("runs") / file.name, device, options.cache)


def _changed(recipe: Recipe, options: TuneOptions) -> Recipe:
    if options.pictures is not None:
        recipe = dataclasses.replace(recipe, pictures=options.pictures)
    if options.seed is not None:
        recipe = dataclasses.replace(recipe, seed=options.seed)
    return recipe if options.steps is None else recipe.shortened(options.steps)


def _run(recipe: Recipe, out: Path, device: torch.device, cache: Path) -> None:
    from tuning import loop, pool

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
        loop.tune(recipe, data, out, device, shown_steps(bars, recipe.steps, started_s))
    note(f"tuned: {out}  ({(time.monotonic() - started_s) / 60:.0f} minutes)")
