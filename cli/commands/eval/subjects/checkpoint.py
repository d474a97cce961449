"""A checkpoint of `otmv tune`: every prefix of its stack, or chosen skip patterns, in fp32."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from artifact.pattern import SkipPattern
from artifact.task import TASKS, TaskName
from cli.commands.eval.subjects import Shown, Vectors
from cli.commands.eval.subjects.texts import text_problem, vectors_of_groups
from models.checkpoint import Checkpoint
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
        self._config = checkpoint.model.config
        self.tasks = self._config.tasks

    def side_px(self, task: TaskName) -> int:
        """Return the side of a task's pictures."""
        return self._config.image_size_of(task)

    def variants(self, task: TaskName) -> tuple[str, ...]:
        """Return the bits of every pattern."""
        return tuple(self._patterns)

    def problem(self, texts: Sequence[str]) -> str | None:
        """Return why a text cannot be read; see `Subject`."""
        return text_problem(self._model.codec, texts)

    def answers(self, task: TaskName, variant: str, shown: Sequence[Shown]) -> list[str | None]:
        """Answer a batch; see `Subject`."""
        pixels = np.stack([picture for each in shown for picture in each.pixels])
        texts = [each.example.text or "" for each in shown]
        return [*self._model.answers(TASKS[task], self._patterns[variant], pixels, texts)]

    def picture_vectors(self, variant: str, shown: Sequence[Shown]) -> list[Vectors | None]:
        """Embed pictures; see `Subject`."""
        pixels = torch.from_numpy(np.stack([each.pixels[0] for each in shown]))
        vectors = self._model.picture_vectors(self._patterns[variant], pixels).cpu().numpy()
        return [*vectors[:, None]]

    def text_vectors(self, variant: str, texts: Sequence[Sequence[str]]) -> list[Vectors | None]:
        """Embed texts; see `Subject`."""
        pattern = self._patterns[variant]
        return vectors_of_groups(
            texts, lambda some: self._model.text_vectors(pattern, some).cpu().numpy()
        )
