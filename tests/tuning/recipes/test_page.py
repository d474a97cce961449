"""docs/offline/recipes.md lists every field, and its example is a recipe."""

from __future__ import annotations

import re
from pathlib import Path

from tuning.recipes.files import parse_recipe
from tuning.recipes.parts import Full, Otmv, Part, Shape
from tuning.recipes.sets import Optimiser, SetsFile, SetsRun, StartModel, TunedOn
from tuning.recipes.shipped_recipes import shipped_names

PAGE = (Path(__file__).parents[3] / "docs" / "offline" / "recipes.md").read_text("utf-8")


def test_every_field_and_every_shipped_recipe_is_on_the_page() -> None:
    written = set(re.findall(r"`([a-z0-9_-]+)`", PAGE))
    parts: tuple[type[Part], ...] = (StartModel, Shape, Full, Otmv, TunedOn, Optimiser, SetsRun)
    for part in parts:
        assert set(part.model_fields) - {"kind"} <= written, part.__name__
    assert set(shipped_names()) <= written


def test_the_example_is_a_recipe() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    assert isinstance(parse_recipe(example, "docs/offline/recipes.md"), SetsFile)
