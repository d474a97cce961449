"""What each task adds to the model: one module per task, found in `HEADS`."""

from __future__ import annotations

from torch import nn

from artifact.config import ModelConfig
from artifact.task import CAPTION, EMBED, REASON, VQA, TaskName
from models.tasks.caption import CaptionHead
from models.tasks.embed import EmbedHead
from models.tasks.head import Head
from models.tasks.reason import ReasonHead
from models.tasks.vqa import VqaHead

HEADS: dict[TaskName, type[Head]] = {
    VQA.name: VqaHead,
    CAPTION.name: CaptionHead,
    REASON.name: ReasonHead,
    EMBED: EmbedHead,
}
"""The head of every task. A new task is added at the end: seeds then draw the same weights."""


def make_heads(config: ModelConfig) -> nn.ModuleDict:
    """Make the heads of a model's tasks, by task name.

    They are made in the order of `HEADS`, in whatever order the config names the tasks.

    Raises:
        ValueError: a task has no head.
    """
    if lacking := [name for name in config.tasks if name not in HEADS]:
        raise ValueError(f"no head for {', '.join(lacking)}; add it to models/tasks")
    return nn.ModuleDict(
        {name: head(config) for name, head in HEADS.items() if name in config.tasks}
    )
