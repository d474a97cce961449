"""A checkpoint of `otmv tune`: every prefix of its stack, or chosen skip patterns, in fp32."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from artifact.pattern import SkipPattern
from artifact.task import TASKS, TaskName
from cli.commands.eval.subjects import Shown
from cli.commands.eval.subjects.texts import text_problem
from models.checkpoint import Checkpoint
from tuning.data.example import DataExample
from tuning.evaluation import AnsweringModel


class CheckpointSubject:
    """A loaded checkpoint; see `Subject`.

    Args:
        name: what tables call it.
        checkpoint: moved to the device.
        patterns: the variants.
        device: where to compute.
    """

    def __init__(
        self,
        name: str,
        checkpoint: Checkpoint,
        patterns: Sequence[SkipPattern],
        device: torch.device,
    ) -> None:
        self.name = name
        self._model = AnsweringModel(checkpoint, device)
        self._patterns = {pattern.bits: pattern for pattern in patterns}
        config = checkpoint.model.config
        self.tasks, self.side_px = config.tasks, config.image_size

    def variants(self, task: TaskName) -> tuple[str, ...]:
        """Return the bits of every pattern."""
        return tuple(self._patterns)

    def problem(self, task: TaskName, example: DataExample) -> str | None:
        """Return why the text cannot be read; see `Subject`."""
        return text_problem(self._model.codec, task, example)

    def answers(self, task: TaskName, variant: str, shown: Sequence[Shown]) -> list[str | None]:
        """Answer a batch; see `Subject`."""
        pixels = np.stack([picture for each in shown for picture in each.pixels])
        texts = [each.example.text or "" for each in shown]
        return [*self._model.answers(TASKS[task], self._patterns[variant], pixels, texts)]
