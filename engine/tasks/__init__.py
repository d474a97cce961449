"""One module for each task: its input, and how a row is made of it."""

from __future__ import annotations

from typing import Any

from artifact.task import CAPTION, REASON, VQA, TaskName
from engine.tasks.caption import CAPTION_WORK
from engine.tasks.reason import REASON_WORK
from engine.tasks.task import EngineTask
from engine.tasks.vqa import VQA_WORK

ENGINE_TASKS: dict[TaskName, EngineTask[Any]] = {
    VQA.name: VQA_WORK,
    CAPTION.name: CAPTION_WORK,
    REASON.name: REASON_WORK,
}
"""How the engine works on each task, by name."""
