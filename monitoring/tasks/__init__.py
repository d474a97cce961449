"""How each task is called, a module a task; `TITLES` finds them by the task's name."""

from __future__ import annotations

from collections.abc import Mapping

from monitoring.tasks import caption, reason, vqa
from monitoring.tasks.titles import TaskTitles

TITLES: Mapping[str, TaskTitles] = {
    each.task: each
    for each in sorted(
        (vqa.TITLES, caption.TITLES, reason.TITLES), key=lambda titles: titles.column
    )
}
"""By name, in the order of Table 4's columns."""
