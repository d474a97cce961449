"""Reading a recipe: TOML, checked; what is wrong is one line that names the field."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tuning.recipes.errors import RecipeError
from tuning.recipes.sets import SetsFile
from tuning.recipes.world import WorldFile

_UNKNOWN = "extra_forbidden"
RecipeFile = WorldFile | SetsFile


def read_recipe(file: Path) -> RecipeFile:
    """Read a recipe's file.

    Raises:
        RecipeError: it cannot be read, or says what no recipe says.
    """
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot read the recipe {file} ({error})", "otmv tune --list") from error
    return parse_recipe(text, str(file))


def parse_recipe(text: str, where: str) -> RecipeFile:
    """Read a recipe's text; `where` is what messages call it.

    Raises:
        RecipeError: it is no TOML, or says what no recipe says.
    """
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where} is no TOML ({error})", "mend that line") from error
    kind: type[WorldFile] | type[SetsFile] = WorldFile if "world" in said else SetsFile
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        raise _refused(where, kind, error) from error


def _refused(
    where: str, kind: type[WorldFile] | type[SetsFile], error: ValidationError
) -> RecipeError:
    """Say what is wrong first; an unknown field is likelier the reason than one that is missing."""
    found = sorted(error.errors(), key=lambda each: each["type"] != _UNKNOWN)
    first = found[0]
    field = ".".join(_names(first))
    if first["type"] == _UNKNOWN:
        return RecipeError(f"{where}: unknown field {field}", _meant(first, kind))
    if first["type"] == "missing":
        return RecipeError(
            f"{where}: {field} is missing", "add it (otmv tune --show NAME shows one)"
        )
    said = first["msg"].removeprefix("Value error, ")
    return RecipeError(f"{where}: {field or 'the recipe'}", f"{said[:1].lower()}{said[1:]}")


def _names(error: ErrorDetails) -> list[str]:
    """Return the path to a field as the file writes it, without the names of alternatives."""
    path = [str(each) for each in error["loc"]]
    if len(path) > 1 and path[0] == "method" and path[1] in ("full", "otmv"):
        del path[1]
    return path


def _meant(error: ErrorDetails, kind: type[WorldFile] | type[SetsFile]) -> str:
    """Return the field that was likely meant."""
    known = sorted(_fields(kind.model_json_schema()))
    name = _names(error)[-1]
    close = difflib.get_close_matches(name, known, 1)
    page = "docs/offline/recipes.md"
    return f"did you mean {close[0]}?" if close else f"take it out ({page} lists the fields)"


def _fields(schema: object) -> Iterable[str]:
    """Yield the names of all fields of a JSON schema."""
    if isinstance(schema, dict):
        properties = schema.get("properties", {})
        yield from properties if isinstance(properties, dict) else ()
        for each in schema.values():
            yield from _fields(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _fields(each)
