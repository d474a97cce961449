"""The heads of tasks, found by name."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from artifact.config import ModelConfig, TaskConfig
from artifact.task import TASKS, VQA, TaskName, model_tasks
from models.series import OtmvModel
from models.tasks import HEADS
from tests.models import tiny


def test_every_task_has_a_head() -> None:
    assert list(HEADS) == list(model_tasks())


def test_heads_follow_the_tasks() -> None:
    assert set(tiny.model(tiny.config(tasks=("vqa",))).heads) == {"vqa"}
    assert set(tiny.model(tiny.config(tasks=("caption",))).heads) == {"caption"}
    assert set(tiny.model(tiny.config(tasks=("reason",))).heads) == {"reason"}


def test_heads_are_drawn_alike_in_whatever_order_the_tasks_are_named() -> None:
    names = ("vqa", "caption", "reason")
    drawn = []
    for tasks in (names, names[::-1]):
        torch.manual_seed(0)
        drawn.append(OtmvModel(tiny.config(tasks=tasks)).state_dict())
    assert list(drawn[0]) == list(drawn[1])
    assert all(torch.equal(drawn[1][name], tensor) for name, tensor in drawn[0].items())


def test_a_task_without_a_head_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TASKS, "guess", replace(VQA, name="guess"))
    with pytest.raises(ValueError, match=r"no head for guess; .*models/tasks"):
        OtmvModel(tiny.config(tasks=("vqa", "guess")))


@pytest.mark.parametrize("task", HEADS)
def test_every_weight_of_a_head_has_a_released_name(task: TaskName) -> None:
    with_norm = {task: TaskConfig(final_norm=True)}
    head = HEADS[task](tiny.config(tasks=(task,), per_task=with_norm))
    names = [head.released_name(name) for name in head.state_dict()]
    assert len(set(names)) == len(names)
    parts = {name.removesuffix(".weight").removesuffix(".bias") for name in head.state_dict()}
    assert set(head.released) == parts, "and no name is left over"


@pytest.mark.parametrize("task", HEADS)
@pytest.mark.parametrize("wanted", [True, False])
def test_a_head_reads_through_a_final_norm_if_its_task_has_one(task: str, wanted: bool) -> None:
    released, own = HEADS[task].released_name, {task: TaskConfig(final_norm=wanted)}

    def has_one(config: ModelConfig) -> bool:
        names = map(released, HEADS[task](config).state_dict())
        return any("encoder.layer_norm" in name for name in names)

    assert has_one(tiny.config(tasks=(task,), per_task=own)) == wanted
    assert has_one(tiny.config(tasks=(task,))) == (task != VQA.name), "as BEiT-3's has"
