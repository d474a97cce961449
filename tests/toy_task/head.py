"""2. The head: from the read-out of a row to logits."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from artifact.config import ModelConfig
from models.tasks.head import Head
from tests.toy_task.task import LABELS


class SizeHead(Head):
    """One linear over both read-out tokens, `[batch, 2, width]` to `[batch, 3]`."""

    released: ClassVar = {}

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.norm = nn.LayerNorm(2 * config.width)
        self.sizes = nn.Linear(2 * config.width, len(LABELS))

    def forward(self, y: Tensor) -> Tensor:
        logits: Tensor = self.sizes(self.norm(y.flatten(1)))
        return logits
