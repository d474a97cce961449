"""The grids: what they vary, what they share, and that each can be summed up and drawn."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from loadtests.tuning.ablate.drawing import draw
from loadtests.tuning.ablate.plans import ABLATIONS, adapters, coefficients, depth, merge
from loadtests.tuning.ablate.plans.plain import LONGER, PLAIN
from loadtests.tuning.ablate.plans.skip_probability import PROBABILITIES, SKIP_PROBABILITY, arm
from loadtests.tuning.ablate.run import AblationRun, in_order
from loadtests.tuning.ablate.scale import EASY, FULL, QUICK, WORLD, AblationScale
from models.adapters.forms import FORMS, make_form
from tests.loadtests.tuning.ablate.made_up import NAMES, found_by
from tuning.recipes.sets import SetsFile

SCALES = (FULL, QUICK)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.name)
def test_every_recipe_of_a_grid_is_a_recipe(
    name: str, scale: AblationScale, tmp_path: Path
) -> None:
    runs = in_order(ABLATIONS[name].runs(scale))
    for run in runs:
        if "recipe" in run.settings:
            placed = run.settings["recipe"]
            if run.starts_from is not None:
                model = {**placed["model"], "checkpoint": str(tmp_path)}
                placed = {**placed, "model": model}
            assert SetsFile.model_validate(placed).run.seed == run.seed
            assert run.rehearsed is not None
            SetsFile.model_validate(run.rehearsed)
    assert len({run.key for run in runs}) == len(runs)


@pytest.mark.parametrize("name", NAMES)
def test_a_summary_says_each_claim_and_is_drawn(name: str, tmp_path: Path) -> None:
    ablation = ABLATIONS[name]
    runs = ablation.runs(QUICK)
    summary = ablation.summarise(QUICK, runs, found_by(runs))
    assert summary.claims
    assert all(claim.record()["verdict"] for claim in summary.claims)
    draw(summary, ablation.title, tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").stat().st_size > 10_000


def test_skip_probability_is_all_that_its_runs_differ_in() -> None:
    runs = [run for run in SKIP_PROBABILITY.runs(FULL) if run.arm not in (PLAIN, LONGER)]
    per_data = Counter((run.data, run.seed) for run in runs)
    assert per_data == {(data, seed): 4 for data in (EASY, WORLD) for seed in (0, 1, 2)}
    for data in (EASY, WORLD):
        recipes = [run.settings["recipe"] for run in runs if run.data == data and run.seed == 0]
        assert tuple(each["method"]["skip_probability"] for each in recipes) == PROBABILITIES
        rest = [_without_probability(each) for each in recipes]
        assert all(each == rest[0] for each in rest)


def _without_probability(recipe: dict[str, Any]) -> dict[str, Any]:
    method = recipe["method"]
    return {**recipe, "method": {k: v for k, v in method.items() if k != "skip_probability"}}


def test_plain_runs_are_looked_at_twice_as_long_once_for_each_data() -> None:
    runs = SKIP_PROBABILITY.runs(FULL)
    for data in (EASY, WORLD):
        steps = {run.settings["recipe"]["run"]["steps"] for run in runs if run.data == data}
        assert steps == {FULL.steps[data], 2 * FULL.steps[data]}
        assert sum(run.arm == LONGER and run.data == data for run in runs) == 1


def test_ablations_share_runs() -> None:
    skip = {run.key for run in in_order(SKIP_PROBABILITY.runs(FULL))}
    own = {
        name: len({run.key for run in in_order(ABLATIONS[name].runs(FULL))} - skip)
        for name in ("coefficients", "merge", "depth")
    }
    assert own == {"coefficients": 3, "merge": 9, "depth": 24}


def test_depths_tuned_alone_take_together_the_time_of_the_tuning_for_all() -> None:
    for scale in SCALES:
        depths = depth.depths_of(scale)
        assert depths[-1] == scale.orders
        assert len(depths) <= 4
        for seed in scale.seeds:
            apart = [
                run
                for run in depth.runs(scale)
                if run.as_long_as is not None and (run.seed, run.data) == (seed, EASY)
            ]
            assert len(apart) == len(depths)
            onces = {run.as_long_as[0].key for run in apart if run.as_long_as is not None}
            assert len(onces) == 1
            assert sum(run.as_long_as[1] for run in apart if run.as_long_as) == pytest.approx(1.0)


def test_coefficients_and_merges_differ_in_one_field() -> None:
    for runs, field in (
        (coefficients.runs(QUICK), "freeze_coefficients"),
        (merge.runs(QUICK), "merge"),
    ):
        methods = [run.settings["recipe"]["method"] for run in runs if run.seed == 0]
        rest = [{k: v for k, v in each.items() if k != field} for each in methods]
        assert all(each == rest[0] for each in rest)
        assert len({str(each.get(field)) for each in methods}) == len(methods)


def test_adapters_take_every_form_and_sweep_three() -> None:
    assert {each.form for each in adapters.METHODS} == set(FORMS)
    assert [each.form for each in adapters.SWEPT] == ["lora", "serial", "adalink"]
    for each in adapters.METHODS:
        make_form(each.form, each.usual)
    runs = adapters.runs(FULL)
    seeds = {run.seed for run in runs}
    swept = [run for run in runs if run.arm.startswith("lora ") and run.data == EASY]
    assert len(swept) == 3 * 3 * len(seeds)
    assert len(seeds) == 2


def test_a_key_follows_from_what_a_run_is_and_not_from_its_name() -> None:
    one, other = SKIP_PROBABILITY.runs(FULL)[:2]
    renamed = AblationRun("other name", one.data, one.seed, one.settings, needs=one.needs)
    same = AblationRun(one.arm, one.data, one.seed, one.settings, needs=one.needs)
    assert renamed.key == same.key != one.key, "what it starts from counts"
    assert one.key != other.key
    assert arm(0.05) == "p = 0.05"
