"""DAS recipes that contradict themselves, the data or the model: one line each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tuning.finetuning.tiny import made
from tests.tuning.methods.das.searched import das
from tuning.recipes.errors import RecipeError
from tuning.recipes.files import parse_recipe
from tuning.recipes.parts import Das
from tuning.recipes.sets import SetsFile


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("skipped = 2", "search_steps is missing"),
        ("skipped = 3\nscope = [1, 2]\nsearch_steps = 9", "skipped is 3, and scope has 2 orders"),
        ("skipped = 2\nalso = [2]\nsearch_steps = 9", "also counts other variants"),
        ("skipped = 2\nsearch_steps = 9\nwarmup_steps = 9", "the search would never learn"),
        ('skipped = 2\nchoose = "random"\nsearch_steps = 9', "choose is random"),
        ("skipped = 2\norders = [1, 2]\nsearch_steps = 9", "orders says what is replaced"),
        ("skipped = 2\norders = [3, 1]", "orders lists the 2 that are skipped, ascending"),
        ("skipped = 1\norders = [1]\nscope = [1]", "take also, scope and choose out"),
        ("skipped = 2\nscope = [0, 1]\nsearch_steps = 9", "greater than or equal to 1"),
        ("skipped = 2\nsearch_step = 9", "unknown field method.search_step"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_one_line(
    squares: Path, base: Path, method: str, says: str
) -> None:
    text = f"""
name = "half"
about = "half of it"
[model]
checkpoint = "{base}"
[method]
kind = "das"
{method}
[tasks.vqa]
data = "{squares}"
batch = 4
chooses = "dev"
[optimiser]
learning_rate = 1e-3
[run]
steps = 4
"""
    with pytest.raises(RecipeError, match=says) as refused:
        parse_recipe(text, "das.toml")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": {"checkpoint": "x", "new_words": True}}, "name model.checkpoint"),
        ({"tasks": {"caption": {"data": "x", "batch": 4, "chooses": "d"}}}, "for one task, vqa"),
        ({"tasks": {"vqa": {"data": "x", "batch": 4}}}, "give tasks.vqa.chooses"),
    ],
)
def test_what_das_cannot_tune_is_refused(
    squares: Path, base: Path, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        SetsFile.model_validate({**das(squares, base), **change})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"skipped": 4}, "4 orders cannot be skipped: 3 may be"),
        ({"scope": (1, 2, 7)}, "order 7 is none of the model's: it has 0 to 3"),
        ({"skipped": 3, "draws": 2}, "only 1 sets of 3 of 3 orders differ"),
    ],
)
def test_what_the_model_cannot_do_is_said_before_the_run(
    squares: Path, base: Path, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(RecipeError, match=says):
        made(das(squares, base, **changes))


def test_the_defaults_are_the_published_ones() -> None:
    said = Das(kind="das", skipped=6, search_steps=300, warmup_steps=100)
    assert (said.interval, said.draws, said.preference_rate) == (10, 3, 1.0)
    assert (said.beside, said.replacing) == (96, 2 * 96)
