"""What a recipe cannot say is one line that names the field and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuning.recipes.errors import RecipeError
from tuning.recipes.files import parse_recipe, read_recipe
from tuning.recipes.shipped_recipes import find_recipe, shipped_text

VQA, DEMO = shipped_text("beit3_base_vqa"), shipped_text("demo")


@pytest.mark.parametrize(
    ("text", "before", "after", "said"),
    [
        (VQA, "skip_probability", "skip_probabilty", "method.skip_probabilty: did you mean skip_"),
        (VQA, "head_rate = 20.0", "frobnicate = 1", "optimiser.frobnicate: take it out"),
        (VQA, "skip_probability = 0.1", "skip_probability = 1.5", "method.skip_probability: input"),
        (VQA, 'kind = "otmv"', 'kind = "full"', "unknown field method.keys"),
        (VQA, 'kind = "otmv"', 'kind = "das"', "method: "),
        (VQA, 'merge = "mean"', 'merge = "median"', "method.merge: no merge 'median'"),
        (VQA, 'size = "base"', "", "model: size (base or large) goes with release"),
        (VQA, "tokenizer =", 'checkpoint = "x"\ntokenizer =', "model: name one of checkpoint, rel"),
        (VQA, "epochs = 10 ", "epochs = 10\nsteps = 5 ", "run: say how long by one of steps"),
        (
            VQA,
            "accumulation = 1",
            "accumulation = 3",
            "tasks.vqa.batch, 128, is no multiple of run",
        ),
        (VQA, 'chooses = "dev"', 'chooses = "train"', "tasks.vqa: chooses is train, which is tun"),
        (VQA, 'reports = "test-dev"', 'reports = "dev"', "tasks.vqa: reports is dev, which tunes"),
        (VQA, "chooses =", "hold_out = 5\nchooses =", "tasks.vqa: hold_out contradicts chooses"),
        (VQA, "[tasks.vqa]", "[tasks.see]", "tasks: no task 'see': there are vqa"),
        (VQA, "[tasks.vqa]", "[tasks.caption]", "tasks: caption has no list of answers"),
        (VQA, "learning_rate = 3e-5", "learning_rate = 3e-7", "optimiser: floor is above learning"),
        (VQA, "batch = 128", 'batch = "many"', "tasks.vqa.batch: input should be"),
        (VQA, "warmup_epochs", "warmup_steps = 5\nwarmup_epochs", "optimiser: warmup_steps contra"),
        (VQA, 'name = "beit3_base_vqa"', "", "name is missing: add it"),
        (VQA, "[run]", "[run", "is no TOML"),
        (DEMO, "pictures = 60_000", "pictures = 60_000\ncolour = 3", "unknown field world.colour"),
        (DEMO, "position = 0.10", "", "world.phases.0: kind_shares must give a share to each of"),
        (DEMO, "until = 8000", "until = 100", "world: phases must end one after the other"),
        (DEMO, "seed = 0", "seed = 0\naccumulation = 2", "unknown field run.accumulation"),
    ],
)
def test_one_line_names_the_field(text: str, before: str, after: str, said: str) -> None:
    assert before in text
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text.replace(before, after), "mine.toml")
    message = str(caught.value)
    assert message.startswith("mine.toml")
    assert said in message
    assert "\n" not in message


def test_several_tasks_have_steps_not_epochs() -> None:
    text = VQA + '\n[tasks.reason]\ndata = "nlvr2"\nbatch = 4\n'
    with pytest.raises(RecipeError, match=r"run\.epochs is of one task"):
        parse_recipe(text, "mine.toml")


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*none\.toml"):
        read_recipe(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match="no recipe 'nothing': there are beit3_base_caption"):
        find_recipe("nothing")
    file = tmp_path / "mine.toml"
    file.write_text(VQA)
    assert find_recipe(str(file)) == find_recipe("beit3_base_vqa")
