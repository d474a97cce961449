"""How answers of each task are judged and written down: one module per task."""

from __future__ import annotations

from artifact.task import CAPTION, REASON, VQA, TaskName
from cli.commands.eval.tasks import caption, reason, retrieval, vqa
from cli.commands.eval.tasks.contract import JudgedTask
from tuning.data.example import RETRIEVAL

JUDGED_TASKS: dict[TaskName, JudgedTask] = {
    VQA.name: vqa.JUDGED,
    CAPTION.name: caption.JUDGED,
    REASON.name: reason.JUDGED,
    RETRIEVAL: retrieval.JUDGED,
}
"""Every task that `otmv eval` can judge, as data sets call it."""
