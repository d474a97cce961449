"""What every task's head has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from artifact.config import ModelConfig


class Head(nn.Module, ABC):
    """The last part of a task's model: from the readout to logits. A final norm, if any, is here.

    Args:
        config: shape of the model. Nothing else may decide a head's own shape.

    Attributes:
        released: the head's parts that hold weights, and the names of the same parts in a
            released BEiT-3 checkpoint. Each part has a `weight` and a `bias`.
    """

    released: ClassVar[Mapping[str, str]]

    @abstractmethod
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, y: Tensor) -> Tensor:
        """Turn a readout into logits.

        Args:
            y: fp32 `[batch, tokens, width]`, the readout at the tokens that `Task.reads` lists;
                `[batch, rows, tokens, width]` if a request of the task has several rows.

        Returns:
            fp32 logits, `[batch, classes]`; `[batch, tokens, words]` if the task writes.
        """
