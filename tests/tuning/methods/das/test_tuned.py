"""DAS from a recipe: searched, begun anew, tuned, resumed to the bit, and refused in one line."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from artifact.pattern import SkipPattern
from artifact.task import VQA
from models.checkpoint import Checkpoint, load
from tests.tuning.finetuning.tiny import recipe, write_set
from tuning.finetuning.loop import FineTuning, Watcher
from tuning.finetuning.processes import Processes
from tuning.finetuning.searching import FOUND
from tuning.finetuning.start import start
from tuning.finetuning.task_data import read_task_data
from tuning.loop import TuningProgress
from tuning.methods.das.method import BanditSearch
from tuning.recipes.errors import RecipeError
from tuning.recipes.files import parse_recipe
from tuning.recipes.parts import Das
from tuning.recipes.sets import SetsFile

CPU = Processes(torch.device("cpu"))
SEARCHED: dict[str, Any] = {
    "kind": "das",
    "skipped": 2,
    "search_steps": 5,
    "warmup_steps": 1,
    "interval": 2,
    "draws": 2,
    "beside": 3,
    "replacing": 6,
}


class Interrupted(Exception):
    pass


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("squares"))


@pytest.fixture(scope="session")
def base(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    said = recipe(squares, run={"steps": 2})
    said["tasks"] = {task: said["tasks"][task] for task in ("vqa", "caption")}
    out = tmp_path_factory.mktemp("base")
    made(said).run(out)
    return out


def das(squares: Path, base: Path, **changes: Any) -> dict[str, Any]:
    said = recipe(squares, run={"steps": 4, "checkpoint_every": 1})
    only = {VQA.name: said["tasks"][VQA.name]}
    method = {**SEARCHED, **changes}
    method = {name: value for name, value in method.items() if value is not None}
    return {**said, "model": {"checkpoint": str(base)}, "method": method, "tasks": only}


def made(said: dict[str, Any]) -> FineTuning:
    file = SetsFile.model_validate(said)
    data = {task: read_task_data(task, each) for task, each in file.tasks.items()}
    checkpoint, method = start(file, data)
    return FineTuning(file, data, checkpoint, method, CPU)


def test_a_run_searches_begins_anew_and_leaves_a_checkpoint_of_its_variants(
    squares: Path, base: Path, tmp_path: Path
) -> None:
    tuning, executed, found = made(das(squares, base, also=(1,))), [], list[str]()
    begin = {name: weight.detach().clone() for name, weight in tuning.model.named_parameters()}

    def on_step(progress: TuningProgress) -> None:
        executed.append(progress.tasks[VQA.name].executed)

    def on_found(what: str) -> None:
        found.append(what)
        anew = tuning.model.state_dict()
        assert all(torch.equal(anew[name], weight) for name, weight in begin.items())
        assert not tuning.optimiser.state

    tuning.run(tmp_path, Watcher(on_step, on_found=on_found))
    assert len(executed) == 9
    assert {len(each) for each in executed[:5]} == {2}
    left = load(tmp_path)
    said = left.model.config.skipping
    assert said is not None
    two, one = said.variants
    assert (len(two), len(one)) == (2, 1)
    assert set(one) < set(two)
    patterns = said.patterns(4)
    assert {SkipPattern(each, 4, replaced=True) for each in executed[5:]} <= set(patterns)
    assert found == [left.note[FOUND]]
    assert found[0].startswith(f"replaces orders {two[0]} {two[1]} (preferences 1: ")
    assert left.model.config.tasks == ("vqa",)


def test_only_adapters_and_heads_move(squares: Path, base: Path, tmp_path: Path) -> None:
    tuning = made(das(squares, base))
    begin = {name: weight.detach().clone() for name, weight in tuning.model.named_parameters()}
    tuning.run(tmp_path)
    moved = {n for n, w in tuning.model.named_parameters() if not torch.equal(w, begin[n])}
    kinds = {name.split(".")[0] if "beside" not in name else "beside" for name in moved}
    assert kinds == {"patches", "beside", "heads"}
    decays = {g["weight_decay"] > 0: len(g["params"]) for g in tuning.optimiser.param_groups}
    matrices = 2 * (1 + 2 * tuning.model.config.keys) + sum(
        weight.ndim == 2 for weight in tuning.model.heads.parameters()
    )
    assert decays[True] == matrices


def test_preferences_follow_the_losses_of_trials_on_choosing_data(
    squares: Path, base: Path, tmp_path: Path
) -> None:
    tuning = made(das(squares, base))
    search = tuning.method.search
    assert isinstance(search, BanditSearch)
    tried: list[tuple[tuple[int, ...], ...]] = []
    learn = search.bandit.__class__.updated

    def watched(self: Any, sets: Any, losses: Any) -> Any:
        tried.append(tuple(sets))
        assert all(loss > 0 for loss in losses)
        return learn(self, sets, losses)

    patched = pytest.MonkeyPatch()
    patched.setattr(search.bandit.__class__, "updated", watched)
    try:
        tuning.run(tmp_path)
    finally:
        patched.undo()
    assert len(tried) == 2
    assert all(len(set(sets)) == 2 for sets in tried)
    assert any(search.bandit.preferences)


@pytest.mark.parametrize("stops", [3, 7])
def test_a_stopped_run_ends_as_one_that_was_not(
    squares: Path, base: Path, tmp_path: Path, stops: int
) -> None:
    said = das(squares, base, also=(1,))
    whole = made(said).run(tmp_path / "whole")

    def stop(progress: TuningProgress) -> None:
        if progress.step == stops:
            raise Interrupted

    with pytest.raises(Interrupted):
        made(said).run(tmp_path / "stopped", Watcher(stop))
    again = made(said).run(tmp_path / "stopped")
    assert again.model.config == whole.model.config
    assert same(again, whole)
    assert load(tmp_path / "stopped").note[FOUND] == load(tmp_path / "whole").note[FOUND]


def same(one: Checkpoint, other: Checkpoint) -> bool:
    theirs = other.model.state_dict()
    return all(torch.equal(tensor, theirs[n]) for n, tensor in one.model.state_dict().items())


def test_random_subnetworks_follow_from_the_seed(squares: Path, base: Path) -> None:
    said = das(squares, base, choose="random", search_steps=None, warmup_steps=None)
    drawn = []
    for seed in (0, 0, 1, 2, 3):
        said["run"] = {**said["run"], "seed": seed}
        skipping = made(said).model.config.skipping
        assert skipping is not None
        drawn.append(skipping.variants)
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 1
    assert all(len(skipped) == 2 for (skipped,) in drawn)


def test_named_orders_are_replaced_without_a_search(squares: Path, base: Path) -> None:
    said = das(squares, base, orders=(1, 3), search_steps=None, warmup_steps=None, replacing=0)
    tuning = made(said)
    assert tuning.model.patches is None
    assert tuning.steps == 4
    assert tuning.method.executed(random.Random(0), 0, 4) == (0, 2)


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
