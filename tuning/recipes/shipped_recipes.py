"""The recipes that are shipped: a TOML file of the recipe's name each, in `shipped/`."""

from __future__ import annotations

from pathlib import Path

from tuning.recipes.errors import RecipeError
from tuning.recipes.files import RecipeFile, parse_recipe, read_recipe
from tuning.recipes.world import WorldFile

_FOLDER = Path(__file__).with_name("shipped")


def shipped_names() -> tuple[str, ...]:
    """Return the names of all shipped recipes, in alphabetical order."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.toml")))


def shipped_text(name: str) -> str:
    """Return a shipped recipe as it is written.

    Raises:
        RecipeError: there is none of that name.
    """
    if name not in shipped_names():
        raise RecipeError(f"no recipe {name!r}", f"there are {', '.join(shipped_names())}")
    return (_FOLDER / f"{name}.toml").read_text("utf-8")


def find_recipe(name: str) -> RecipeFile:
    """Return a recipe by its file's path, or a shipped one by its name.

    Raises:
        RecipeError: there is none, or it says what no recipe says.
    """
    if name.endswith(".toml") or Path(name).is_file():
        return read_recipe(Path(name))
    return parse_recipe(shipped_text(name), name)


def shipped_worlds() -> dict[str, WorldFile]:
    """Return the shipped recipes that tune on the generated world, by name."""
    found = {name: parse_recipe(shipped_text(name), name) for name in shipped_names()}
    return {name: file for name, file in found.items() if isinstance(file, WorldFile)}
