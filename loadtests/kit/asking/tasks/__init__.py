"""How each task is asked and its answer checked, a module a task."""

from __future__ import annotations

from collections.abc import Mapping

from artifact.task import VQA
from loadtests.kit.asking.tasks import caption, reason, vqa
from loadtests.kit.asking.tasks.asked import AskedTask

ASKED: Mapping[str, AskedTask] = {
    each.task.name: each for each in (vqa.ASKED, caption.ASKED, reason.ASKED)
}
"""By the task's name."""

WORKLOAD = VQA
"""The task of every benchmark that is not about tasks: the shortest request."""
