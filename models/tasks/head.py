"""What every task's head has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from artifact.config import ModelConfig
from artifact.task import TaskName


class Head(nn.Module, ABC):
    """The last part of a task's model: from the readout to logits. A final norm, if any, is here.

    Args:
        config: shape of the model. Nothing else may decide a head's own shape.

    Attributes:
        released: the head's parts that hold weights, and the names of the same parts in a
            released BEiT-3 checkpoint. A part is a module, or a parameter of the head's own.
        released_task: what BEiT-3 calls the task that such a checkpoint is fine-tuned for; None:
            no checkpoint is.
        has_final_norm: whether BEiT-3's head reads through the encoder's final norms.
        answers_part: the part that has a row for each answer of the model's list, if there is one.
    """

    released: ClassVar[Mapping[str, str]]
    released_task: ClassVar[str | None] = None
    has_final_norm: ClassVar[bool] = True
    answers_part: ClassVar[str | None] = None

    @classmethod
    def released_name(cls, name: str) -> str:
        """Return how a released checkpoint calls a tensor of this head's state dict."""
        if name in cls.released:
            return cls.released[name]
        part, _, kind = name.rpartition(".")
        return f"{cls.released[part]}.{kind}"

    @abstractmethod
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()

    @classmethod
    def final_norm_of(cls, config: ModelConfig, task: TaskName) -> nn.Module:
        """Return a final norm of the head's own, or nothing where its task has none (ADR 0028)."""
        own = config.of_task(task).final_norm
        wanted = cls.has_final_norm if own is None else own
        return nn.LayerNorm(config.width, eps=config.layer_norm_eps) if wanted else nn.Identity()

    @abstractmethod
    def forward(self, y: Tensor) -> Tensor:
        """Turn a readout into logits.

        Args:
            y: fp32 `[batch, tokens, width]`, the readout at the tokens that `Task.reads` lists;
                `[batch, rows, tokens, width]` if a request of the task has several rows.

        Returns:
            fp32 logits, `[batch, classes]`; `[batch, tokens, words]` if the task writes.
        """
