"""DAS from a recipe: searched, begun anew, tuned, and resumed to the bit."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from artifact.pattern import SkipPattern
from artifact.task import VQA
from models.checkpoint import Checkpoint, load
from tests.tuning.finetuning.tiny import made
from tests.tuning.methods.das.searched import das
from tuning.finetuning.loop import Watcher
from tuning.finetuning.searching import FOUND
from tuning.loop import TuningProgress
from tuning.methods.das.method import BanditSearch


class Interrupted(Exception):
    pass


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
