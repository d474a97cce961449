"""`otmv tune`: which recipe, and what is done with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

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
    from tuning.recipes.shipped_recipes import find_recipe, shipped_text
    from tuning.recipes.world import WorldFile

    with _one_line_errors():
        if listed:
            _list()
        elif show_name is not None:
            output().out(shipped_text(show_name), end="", highlight=False)
        elif recipe is None:
            fail("name a recipe: a TOML file, or one of otmv tune --list", code=2)
        elif isinstance(file := find_recipe(recipe), WorldFile):
            from cli.commands.tune.worlds import WorldOptions, tune_on_world

            tune_on_world(file, WorldOptions(out, dry_run, steps, pictures, device, cache, seed))
        else:
            from cli.commands.tune.sets import SetsOptions, tune_on_sets

            if pictures is not None:
                fail("--pictures is for recipes on the generated world: take it out")
            tune_on_sets(file, SetsOptions(out, dry_run, steps, device, seed))


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
        fail(f"tuning needs {error.name}: pip install 'otmv-serve[tune]'")
    except (RecipeError, DataError, ResumeError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error} (check free space and rights; the same command resumes)")
