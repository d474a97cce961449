"""Score skip patterns on labelled rows; patterns that begin alike share what they begin with.

A pattern's quality is the mean over tasks of the share of right classes: of labels, or of next
words under teacher forcing (a cheap stand-in for the phrase recall of the manifest).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from artifact.errors import ArtifactError
from artifact.pattern import SkipPattern
from artifact.task import TASKS, TaskName, asked_of
from exporters.describe import text_record
from exporters.examples import Example
from exporters.tasks import exported_task
from exporters.tasks.contract import SearchRows
from models.checkpoint import Checkpoint
from models.series import OtmvModel


@dataclass(frozen=True)
class ScoredPattern:
    """A scored pattern, and what it takes to score a longer one that it begins.

    Attributes:
        executed: its orders.
        states: hidden states and readout of each task's rows; empty once they are given up.
        shares: of each task, the share of right classes.
        qualities: of its prefixes, shallow to deep, and of itself: the mean over tasks.
    """

    executed: tuple[int, ...]
    states: Mapping[TaskName, tuple[Tensor, Tensor]]
    shares: Mapping[TaskName, float]
    qualities: tuple[float, ...]

    @property
    def prefix_mean(self) -> float:
        """Mean quality of its prefixes and itself."""
        return sum(self.qualities) / len(self.qualities)


def labelled_rows(
    checkpoint: Checkpoint, examples: Sequence[Example]
) -> dict[TaskName, SearchRows]:
    """Return the labelled rows of every task of the model that the examples have any of.

    Raises:
        ArtifactError: they have none.
        TextError: the text of an example is too long.
    """
    given = {example.task for example in examples} & set(asked_of(checkpoint.model.config.tasks))
    if not given:
        raise ArtifactError("examples", "no labelled example of the model's tasks", "give --data")
    text = text_record(checkpoint)
    return {
        name: exported_task(name).search_rows(checkpoint, text, examples)
        for name in TASKS
        if name in given
    }


class PatternScores:
    """Scores patterns of one model on the rows of one split.

    Args:
        model: in eval mode, on the CPU.
        rows: labelled rows, of at least one of the model's tasks.
    """

    def __init__(self, model: OtmvModel, rows: Mapping[TaskName, SearchRows]) -> None:
        self._model, self._rows = model, rows

    def extend(self, before: ScoredPattern | None, order: int) -> ScoredPattern:
        """Score the pattern that executes `order` after those of `before`, in one block call."""
        key, order_in_key = self._model.key_of(order)
        states: dict[TaskName, tuple[Tensor, Tensor]] = {}
        shares: dict[TaskName, float] = {}
        for task, given in self._rows.items():
            h, y = before.states[task] if before else (given.start, None)
            h = key(h, order_in_key, given.image_tokens, given.bias)
            y = self._model.accumulate(y, given.read(h))
            states[task] = (h, y)
            right = given.logits(y).argmax(-1) == given.truths
            shares[task] = float(right[given.truths >= 0].float().mean())
        quality = sum(shares.values()) / len(shares)
        executed, qualities = (before.executed, before.qualities) if before else ((), ())
        return ScoredPattern((*executed, order), states, shares, (*qualities, quality))

    @torch.inference_mode()
    def of(self, patterns: Sequence[SkipPattern]) -> dict[SkipPattern, Mapping[TaskName, float]]:
        """Return each task's share of right classes for some patterns.

        Args:
            patterns: in any order. Neighbours in the order of their executed orders share their
                common prefix's calls.
        """
        found: dict[SkipPattern, Mapping[TaskName, float]] = {}
        path: list[ScoredPattern] = []
        for pattern in sorted(set(patterns), key=lambda one: one.executed):
            while path and path[-1].executed != pattern.executed[: len(path)]:
                path.pop()
            for order in pattern.executed[len(path) :]:
                path.append(self.extend(path[-1] if path else None, order))
            found[pattern] = path[-1].shares
        return found
