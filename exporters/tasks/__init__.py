"""What exporting does for each task: one module per task, found in `EXPORTED_TASKS`."""

from __future__ import annotations

from collections.abc import Sequence

from artifact.manifest.adapted import AdapterCapacity
from artifact.task import CAPTION, EMBED_IMAGE, EMBED_TEXT, REASON, VQA, TaskName, asked_of
from exporters.stages import UncompiledStage
from exporters.tasks.caption import EXPORTED_CAPTION
from exporters.tasks.contract import NO_ADAPTERS, ExportedTask
from exporters.tasks.embed import EXPORTED_PICTURES, EXPORTED_TEXTS
from exporters.tasks.reason import EXPORTED_REASON
from exporters.tasks.vqa import EXPORTED_VQA
from models.series import OtmvModel

EXPORTED_TASKS: dict[TaskName, ExportedTask] = {
    VQA.name: EXPORTED_VQA,
    REASON.name: EXPORTED_REASON,
    CAPTION.name: EXPORTED_CAPTION,
    EMBED_IMAGE.name: EXPORTED_PICTURES,
    EMBED_TEXT.name: EXPORTED_TEXTS,
}
"""How every task is exported. A new task is added at the end: stages are made in this order."""


def exported_task(name: TaskName) -> ExportedTask:
    """Return how a task is exported.

    Raises:
        ValueError: it has no entry.
    """
    if name not in EXPORTED_TASKS:
        raise ValueError(f"no exporter of task {name}; add it to exporters/tasks")
    return EXPORTED_TASKS[name]


def exported_tasks(listed: Sequence[TaskName]) -> tuple[ExportedTask, ...]:
    """Return how the tasks are exported that a model's config lists, in `EXPORTED_TASKS`' order.

    Raises:
        ValueError: one has no entry.
    """
    order = list(EXPORTED_TASKS.values())
    return tuple(sorted((exported_task(name) for name in asked_of(listed)), key=order.index))


def cut(model: OtmvModel, capacity: AdapterCapacity = NO_ADAPTERS) -> list[UncompiledStage]:
    """Return every stage that composes variants for the model's tasks, each once.

    Args:
        model: in eval mode.
        capacity: what stems and blocks have room for.
    """
    made: dict[str, UncompiledStage] = {}
    for each in exported_tasks(model.config.tasks):
        for stage in each.stages(model, capacity):
            made.setdefault(stage.name, stage)
    return list(made.values())


def cut_adapted(model: OtmvModel, capacity: AdapterCapacity) -> list[UncompiledStage]:
    """Return the stages of an adapted form: those of `cut` at which it has a hook."""
    return [stage for stage in cut(model, capacity) if "adapter" in stage.inputs]
