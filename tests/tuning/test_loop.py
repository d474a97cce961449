from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.checkpoint import WEIGHTS, load
from models.series import OtmvModel
from tuning.loop import TuningProgress, learning_rate, optimiser, tune
from tuning.pool import PicturePool
from tuning.recipe import Phase, Recipe
from tuning.state import STATE, ResumeError
from tuning.world.vocabulary import ANSWERS, DOMAIN

CPU = torch.device("cpu")


class Interrupted(Exception):
    pass


def test_a_run_leaves_a_checkpoint_anyone_can_load(
    smoke: Recipe, pool: PicturePool, tmp_path: Path
) -> None:
    seen: list[TuningProgress] = []
    tuned = tune(smoke, pool, tmp_path, CPU, seen.append)
    assert [each.step for each in seen] == list(range(smoke.steps))
    losses = [part.loss for each in seen for part in each.tasks.values()]
    assert len(losses) == 3 * smoke.steps
    assert all(map(math.isfinite, losses))
    for name in ("vqa", "reason"):
        shares = [each.tasks[name].right for each in seen]
        assert all(share is not None and 0 <= share <= 1 for share in shares)
    loaded = load(tmp_path)
    assert (loaded.labels, loaded.domain) == (ANSWERS, DOMAIN)
    assert (loaded.note["recipe"], loaded.note["step"]) == ("smoke", smoke.steps)
    for name, tensor in tuned.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor)


def test_a_resumed_run_equals_an_uninterrupted_one(
    smoke: Recipe, pool: PicturePool, tmp_path: Path
) -> None:
    def stop_at_3(progress: TuningProgress) -> None:
        if progress.step == 3:
            raise Interrupted

    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    expected: list[TuningProgress] = []
    tune(smoke, pool, whole, CPU, expected.append, checkpoint_every=2)
    with pytest.raises(Interrupted):
        tune(smoke, pool, resumed, CPU, stop_at_3, checkpoint_every=2)
    rest: list[TuningProgress] = []
    tune(smoke, pool, resumed, CPU, rest.append, checkpoint_every=2)
    assert rest == expected[2:]
    weights, again = load_file(whole / WEIGHTS), load_file(resumed / WEIGHTS)
    assert all(torch.equal(again[name], tensor) for name, tensor in weights.items())


def test_runs_begun_before_tasks_had_sizes_of_their_own_go_on(
    smoke: Recipe, pool: PicturePool, tmp_path: Path
) -> None:
    tune(smoke, pool, tmp_path, CPU)
    stored = json.loads(torch.load(tmp_path / STATE, weights_only=True)["recipe"])
    assert "image_size" in stored["config"]
    assert "per_task" not in stored["config"], "an older run has no such field to compare"


def test_a_finished_run_is_not_run_again(smoke: Recipe, pool: PicturePool, tmp_path: Path) -> None:
    tune(smoke, pool, tmp_path, CPU)
    seen: list[TuningProgress] = []
    tune(smoke, pool, tmp_path, CPU, seen.append)
    assert seen == []


@pytest.mark.parametrize(
    "change", [{"phases": (Phase(5, 5),)}, {"seed": 1}, {"learning_rate": 1e-4}]
)
def test_a_folder_of_another_recipe_is_refused(
    smoke: Recipe, pool: PicturePool, tmp_path: Path, change: dict[str, Any]
) -> None:
    tune(smoke, pool, tmp_path, CPU)
    before = (tmp_path / WEIGHTS).read_bytes()
    with pytest.raises(ResumeError, match="--out") as caught:
        tune(dataclasses.replace(smoke, **change), pool, tmp_path, CPU)
    assert "\n" not in str(caught.value)
    assert (tmp_path / WEIGHTS).read_bytes() == before


def test_the_losses_fall_on_few_pictures(smoke: Recipe, pool: PicturePool, tmp_path: Path) -> None:
    recipe = dataclasses.replace(
        smoke.shortened(50),
        warmup_steps=5,
        batch_sizes={"vqa": 32, "caption": 8, "reason": 16},
        learning_rate=4e-3,
    )
    seen: list[TuningProgress] = []
    tune(recipe, pool, tmp_path, CPU, seen.append)
    for task in ("vqa", "caption"):
        first, last = (
            sum(each.tasks[task].loss for each in part) for part in (seen[:5], seen[-5:])
        )
        assert last < 0.7 * first, task


def test_gates_are_drawn_anew_at_every_step(
    smoke: Recipe, pool: PicturePool, tmp_path: Path
) -> None:
    config = dataclasses.replace(smoke.config, skip_probability=0.5)
    seen: list[TuningProgress] = []
    tune(dataclasses.replace(smoke, config=config), pool, tmp_path, CPU, seen.append)
    for task in smoke.config.tasks:
        executed = [each.tasks[task].executed for each in seen]
        assert len(set(executed)) > 1
        assert all(orders[0] == 0 for orders in executed)


def test_a_recipe_may_draw_the_stops_of_a_chain(
    smoke: Recipe, pool: PicturePool, tmp_path: Path
) -> None:
    seen: list[TuningProgress] = []
    tune(dataclasses.replace(smoke, prefix_share=1.0), pool, tmp_path, CPU, seen.append)
    executed = {at.executed for each in seen for at in each.tasks.values()}
    assert executed <= {tuple(range(depth)) for depth in range(1, 9)}
    assert len(executed) > 2


def test_the_learning_rate_warms_up_and_falls_to_zero(smoke: Recipe) -> None:
    recipe = dataclasses.replace(smoke.shortened(100), warmup_steps=10, learning_rate=1.0)
    rates = [learning_rate(recipe, step) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[99] < 1e-3


def test_phases_follow_each_other(smoke: Recipe) -> None:
    phases = (Phase(20, 50), Phase(80, 80, kind_shares=(0.0, 0.0, 0.0, 0.0, 1.0)))
    recipe = dataclasses.replace(smoke, phases=phases, warmup_steps=10, learning_rate=1.0)
    assert recipe.steps == 80
    assert [recipe.phase(step) for step in (0, 19, 20, 79)] == [phases[0]] * 2 + [phases[1]] * 2
    assert learning_rate(recipe, 20) > learning_rate(recipe, 19)
    assert learning_rate(recipe, 79) < 1e-2


def test_only_matrices_decay_and_patches_learn_at_their_own_rate(smoke: Recipe) -> None:
    model = OtmvModel(smoke.config)
    groups = optimiser(model, smoke).param_groups
    of = {id(parameter): group for group in groups for parameter in group["params"]}
    assert len(of) == sum(len(group["params"]) for group in groups), "each in one group"
    for name, parameter in model.named_parameters():
        group = of[id(parameter)]
        plain = name.endswith((".bias", ".scale", ".shift", "coefficient", "cls_token"))
        norm = "norm" in name and name.endswith(".weight")
        decay = 0.0 if plain or norm else smoke.weight_decay
        assert group["weight_decay"] == decay, name
        rate = smoke.patch_rate if name == "stem.patches.weight" else 1.0
        assert group["rate"] == rate, name
