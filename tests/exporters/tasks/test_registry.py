"""The registry of exported tasks: every task has an entry, and shared stages are made once."""

from __future__ import annotations

import dataclasses

import pytest

from artifact.pattern import SkipPattern
from artifact.program import composed_programs
from artifact.task import TASKS, asked_of, model_tasks
from exporters.describe import text_record
from exporters.tasks import EXPORTED_TASKS, cut, exported_task, exported_tasks
from models.checkpoint import Checkpoint
from models.series import OtmvModel


def test_every_task_is_exported_under_its_name() -> None:
    assert set(EXPORTED_TASKS) == set(TASKS)
    assert all(each.task is TASKS[name] for name, each in EXPORTED_TASKS.items())


def test_a_task_without_an_entry_is_refused() -> None:
    with pytest.raises(ValueError, match="no exporter of task colours; add it to exporters/tasks"):
        exported_task("colours")


def test_tasks_come_in_the_order_of_the_registry() -> None:
    names = list(EXPORTED_TASKS)
    assert [each.task.name for each in exported_tasks(model_tasks()[::-1])] == names


def test_the_stages_are_those_that_programs_run_each_once(checkpoint: Checkpoint) -> None:
    config = checkpoint.model.config
    names = [stage.name for stage in cut(checkpoint.model)]
    assert len(set(names)) == len(names)
    full = SkipPattern.full(config.orders)
    run = {
        stage
        for task in asked_of(config.tasks)
        for program in composed_programs(TASKS[task], config, full)
        for stage in program.stages
    }
    assert set(names) == run


def test_whole_stages_and_flops_carry_the_task_s_names(checkpoint: Checkpoint) -> None:
    text = text_record(checkpoint)
    config = dataclasses.replace(checkpoint.model.config, tasks=model_tasks())
    model, full = OtmvModel(config).eval(), SkipPattern.full(config.orders)
    for name, each in EXPORTED_TASKS.items():
        stages = each.whole(model, "full", full)
        assert tuple(stage.name for stage in stages) == TASKS[name].whole_stages("full")
        assert tuple(each.flops(model, full, text, composed=True)) == TASKS[name].flops_parts


def test_reversed_tasks_of_a_config_change_no_stage(checkpoint: Checkpoint) -> None:
    config = checkpoint.model.config
    model = type(checkpoint.model)(
        dataclasses.replace(config, tasks=tuple(reversed(config.tasks)))
    ).eval()
    assert [stage.name for stage in cut(model)] == [stage.name for stage in cut(checkpoint.model)]
