"""Tuning on data sets: it learns, resumes to the bit, and is the same in parts."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.checkpoint import WEIGHTS, load
from tests.tuning.finetuning.tiny import made, recipe
from tuning.data.problems import DataError
from tuning.finetuning.loop import FineTuning, Watcher
from tuning.finetuning.plan import check_tasks
from tuning.loop import TuningProgress
from tuning.recipes.errors import RecipeError
from tuning.recipes.sets import SetsFile
from tuning.state import STATE, ResumeError


class Interrupted(Exception):
    pass


def gradients(tuning: FineTuning) -> dict[str, torch.Tensor]:
    """Return those of the first step."""
    with tuning._batches(0) as batches:
        tuning.gradients(0, next(batches))
    return {n: w.grad for n, w in tuning.model.named_parameters() if w.grad is not None}


def test_a_run_learns_and_leaves_a_checkpoint_with_its_facts(squares: Path, tmp_path: Path) -> None:
    seen: list[TuningProgress] = []
    looks: list[tuple[int, dict[str, float]]] = []
    watcher = Watcher(seen.append, lambda step, scores: looks.append((step, dict(scores))))
    only = {task: {**recipe(squares)["tasks"][task]} for task in ("vqa", "caption")}
    said = {**recipe(squares, run={"steps": 40, "checkpoint_every": 40}), "tasks": only}
    made(said).run(tmp_path, watcher)
    for task in only:
        assert seen[-1].tasks[task].loss < 0.7 * seen[0].tasks[task].loss, task
    loaded = load(tmp_path)
    assert sorted(loaded.labels) == ["blue", "green", "red"]
    note = loaded.note
    assert (note["method"], note["step"]) == ("otmv", 40)
    assert "train" in str(note["vqa tuned on"])
    assert "dev" in str(note["vqa chosen on"])
    (step, scores) = looks[-1]
    assert step == 40
    assert scores["vqa VQA accuracy, 4 orders"] == 1.0
    assert set(scores) <= set(note)
    assert loaded.domain is not None
    assert "train" in loaded.domain.about
    assert loaded.domain.unknown("what colour is it? all red") == ["colour"]


def test_a_killed_run_resumes_to_the_bit(squares: Path, tmp_path: Path) -> None:
    def stop_at_3(progress: TuningProgress) -> None:
        if progress.step == 3:
            raise Interrupted

    said = recipe(squares, run={"drop_path": 0.2, "steps": 5, "evaluate_every": 5})
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    expected: list[TuningProgress] = []
    made(said).run(whole, Watcher(expected.append))
    with pytest.raises(Interrupted):
        made(said).run(resumed, Watcher(stop_at_3))
    rest: list[TuningProgress] = []
    made(said).run(resumed, Watcher(rest.append))
    assert rest == expected[2:]
    weights, again = load_file(whole / WEIGHTS), load_file(resumed / WEIGHTS)
    assert all(torch.equal(again[name], tensor) for name, tensor in weights.items())


@pytest.mark.parametrize("change", [{"run": {"seed": 1}}, {"method": {"skip_probability": 0.2}}])
def test_another_recipe_s_folder_is_refused(
    squares: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    made(recipe(squares, run={"steps": 1})).run(tmp_path)
    with pytest.raises(ResumeError, match="--out"):
        made(recipe(squares, **{"run": {"steps": 1}, **change})).run(tmp_path)


def test_parts_and_recomputing_give_the_same_gradients(squares: Path) -> None:
    plain = gradients(made(recipe(squares)))
    for change in ({"accumulation": 2}, {"activation_checkpointing": True}):
        other = gradients(made(recipe(squares, run=change)))
        assert other.keys() == plain.keys()
        for name, tensor in plain.items():
            assert (other[name] - tensor).norm() <= 1e-5 * tensor.norm() + 1e-9, (change, name)


def test_full_tuning_runs_one_depth_and_leaves_coefficients(squares: Path, tmp_path: Path) -> None:
    seen: list[TuningProgress] = []
    said = {**recipe(squares), "method": {"kind": "full", "depth": 3}}
    made(said).run(tmp_path, Watcher(seen.append))
    assert {at.executed for each in seen for at in each.tasks.values()} == {(0, 1, 2)}
    model = load(tmp_path).model
    assert model.config.keys == 4
    assert not model.config.merged_feed_forward
    assert all(torch.equal(key.coefficient, torch.ones(1)) for key in model.keys)


def test_frozen_coefficients_stay_and_free_ones_move(squares: Path, tmp_path: Path) -> None:
    for frozen in (True, False):
        out = tmp_path / str(frozen)
        made(recipe(squares, method={"freeze_coefficients": frozen})).run(out)
        moved = any(bool((key.coefficient != 1).any()) for key in load(out).model.keys)
        assert moved is not frozen


def test_bad_pictures_are_counted_and_a_full_disk_is_one_line(
    squares: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for file in squares.iterdir():
        (data / file.name).write_bytes(file.read_bytes())
    (data / "3.png").write_bytes(b"")
    tuning = made(recipe(data))
    assert tuning.data["vqa"].tuned.left_out == 1
    out = tmp_path / "out"
    out.mkdir()
    with files_of_at_most(20_000), pytest.raises(OSError, match=r"cannot write|File too large"):
        tuning.run(out)
    assert not list(out.glob("*.tmp*"))
    assert not (out / STATE).exists()
    made(recipe(data)).run(out)


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """Let writes fail as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("task", "change", "said"),
    [
        ("vqa", {"batch": 5000}, "choose a smaller batch"),
        ("vqa", {"chooses": None, "hold_out": 12}, "choose a smaller hold_out"),
        ("vqa", {"split": "val"}, "no split 'val'"),
    ],
)
def test_what_data_cannot_give_is_one_line(
    squares: Path, task: str, change: dict[str, Any], said: str
) -> None:
    tasks = recipe(squares)["tasks"]
    with pytest.raises(DataError, match=said) as caught:
        made(recipe(squares, tasks={task: {**tasks[task], **change}}))
    assert "\n" not in str(caught.value)


def test_held_out_pictures_are_not_tuned_on(squares: Path) -> None:
    vqa = {**recipe(squares)["tasks"]["vqa"], "chooses": None, "hold_out": 3}
    data = made(recipe(squares, tasks={"vqa": vqa})).data["vqa"]
    assert data.chooses is not None
    assert len(data.chooses.pictures) == 3
    assert not data.chooses.pictures & data.tuned.pictures
    assert len(data.tuned.examples) == 9


def test_a_batch_that_cannot_be_divided_names_its_field(squares: Path) -> None:
    with pytest.raises(RecipeError, match=r"tasks\.caption\.batch, 4, .*8 processes"):
        check_tasks(SetsFile.model_validate(recipe(squares)), 8)
