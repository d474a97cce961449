"""What tuning does for each task: one module per task, found in `TUNED_TASKS`."""

from __future__ import annotations

from artifact.task import CAPTION, EMBED, REASON, VQA, TaskName
from tuning.tasks.caption import TUNED_CAPTION
from tuning.tasks.contract import TunedTask
from tuning.tasks.embed import TUNED_EMBED
from tuning.tasks.reason import TUNED_REASON
from tuning.tasks.vqa import TUNED_VQA

TUNED_TASKS: dict[TaskName, TunedTask] = {
    VQA.name: TUNED_VQA,
    CAPTION.name: TUNED_CAPTION,
    REASON.name: TUNED_REASON,
    EMBED: TUNED_EMBED,
}
"""How every task is tuned and scored."""


def tuned_task(name: TaskName) -> TunedTask:
    """Return how a task is tuned and scored.

    Raises:
        ValueError: it has no entry.
    """
    if name not in TUNED_TASKS:
        raise ValueError(f"tuning knows no task {name}; add it to tuning/tasks")
    return TUNED_TASKS[name]
