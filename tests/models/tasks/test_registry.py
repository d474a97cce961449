"""The heads of tasks, found by name."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from artifact.task import TASKS, VQA, TaskName
from models.series import OtmvModel
from models.tasks import HEADS
from tests.models import tiny


def test_every_task_has_a_head() -> None:
    assert list(HEADS) == list(TASKS)


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
    head = HEADS[task](tiny.config(tasks=(task,)))
    parts = {name for name, part in head.named_modules() if isinstance(part, nn.Module) and name}
    assert set(head.released) == parts
    assert len(set(head.released.values())) == len(parts)
