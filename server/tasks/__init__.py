"""The tasks that are served over HTTP, by name: one module each."""

from __future__ import annotations

from typing import Any

from artifact.task import TaskName
from server.tasks.caption import SERVED_CAPTION
from server.tasks.embed import SERVED_EMBED
from server.tasks.rank import SERVED_RANK
from server.tasks.reason import SERVED_REASON
from server.tasks.served_task import ServedTask
from server.tasks.vqa import SERVED_VQA

SERVED_TASKS: dict[TaskName, ServedTask[Any]] = {
    served.name: served
    for served in (SERVED_VQA, SERVED_CAPTION, SERVED_REASON, SERVED_EMBED, SERVED_RANK)
}
"""Every served task, by its name; read when the app is built, in the order of the OpenAPI page."""
