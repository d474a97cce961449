"""`otmv tune`: which recipe, and what is done with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from artifact.errors import how_to_install
from cli.commands.tune.options import TuneOptions
from cli.console import fail, output, show, table

app = typer.Typer()

_Recipe = Annotated[
    str | None,
    typer.Argument(help="A TOML file, or a shipped recipe's name.", show_default=False),
]
_Show = Annotated[
    str | None,
    typer.Option("--show", metavar="NAME", help="Print a shipped recipe: a start for your own."),
]
_List = Annotated[bool, typer.Option("--list", help="List the shipped recipes.")]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say how many steps, how long, how much memory.")
]
_Out = Annotated[
    Path | None, typer.Option(help="Checkpoint folder; an unfinished run there is resumed.")
]
_Steps = Annotated[int | None, typer.Option(help="In place of the recipe's length.", min=1)]
_Pictures = Annotated[
    int | None, typer.Option(help="Of the generated world, in place of the recipe's.", min=1)
]
_Device = Annotated[str, typer.Option(help="cpu, cuda, or auto: cuda where there is one.")]
_Cache = Annotated[Path, typer.Option(help="Folder of rendered pools of the generated world.")]
_Seed = Annotated[int | None, typer.Option(help="In place of the recipe's.", min=0)]


@app.command()
def tune(
    recipe: _Recipe = None,
    out: _Out = None,
    show_name: _Show = None,
    listed: _List = False,
    dry_run: _DryRun = False,
    steps: _Steps = None,
    pictures: _Pictures = None,
    device: _Device = "auto",
    cache: _Cache = Path("runs/cache"),
    seed: _Seed = None,
) -> None:
    """Tune one model as a recipe says; stop it when you like: the same command resumes.

    [bold]otmv tune demo --out runs/demo[/bold]

    [bold]otmv tune --show beit3_base_vqa > mine.toml[/bold]

    [bold]otmv tune mine.toml --dry-run[/bold]

    [bold]torchrun --nproc-per-node 2 --no-python otmv tune mine.toml[/bold]
    """
    if "WORLD_SIZE" in os.environ:  # torch warns in every process of steps that skip no block
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    with _one_line_errors():
        if listed:
            _list()
        elif show_name is not None:
            _show(show_name)
        elif recipe is None:
            fail("name a recipe: a TOML file, or one of otmv tune --list", code=2)
        else:
            _tune(recipe, TuneOptions(out, dry_run, steps, pictures, device, cache, seed))


def _tune(recipe: str, options: TuneOptions) -> None:
    from tuning.recipes.shipped_recipes import find_recipe
    from tuning.recipes.world import WorldFile

    file = find_recipe(recipe)
    if isinstance(file, WorldFile):
        from cli.commands.tune.worlds import tune_on_world

        tune_on_world(file, options)
    else:
        from cli.commands.tune.sets import tune_on_sets

        tune_on_sets(file, options)


def _show(name: str) -> None:
    from tuning.recipes.shipped_recipes import shipped_text

    output().out(shipped_text(name), end="", highlight=False)


def _list() -> None:
    from tuning.recipes.shipped_recipes import find_recipe, shipped_names

    rows = [(name, find_recipe(name).about) for name in shipped_names()]
    show(table(None, ("recipe", "tunes"), (), rows))


@contextmanager
def _one_line_errors() -> Iterator[None]:
    from tuning.data.problems import DataError
    from tuning.recipes.errors import RecipeError
    from tuning.state import ResumeError

    try:
        yield
    except ModuleNotFoundError as error:
        fail(f"tuning needs {error.name}: {how_to_install('tune')}")
    except (RecipeError, DataError, ResumeError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error} (check free space and rights; the same command resumes)")
