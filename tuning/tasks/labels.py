"""Tasks that answer with one label of a list: their batches, losses and answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from artifact.pattern import SkipPattern
from artifact.task import Task
from tuning.device import mixed_precision
from tuning.evaluation import Evaluation
from tuning.tasks.contract import BatchLoss, TaskScore, TuningStep
from tuning.tokens import PAD_ID


class Asked(Protocol):
    """Something of the data that has a text."""

    @property
    def text(self) -> str:
        """What the model reads."""
        ...


AskedT = TypeVar("AskedT", bound=Asked)


@dataclass(frozen=True)
class LabelBatch:
    """Requests with the right label of each.

    Attributes:
        pixels: uint8 `[b, side, side, 3]`; `[b, pictures, side, side, 3]` of a task with several.
        tokens: int64 `[b, l]`, padded to the longest.
        mask: bool `[b, l]`, True for real tokens.
        labels: int64 `[b]`, index of the right label.
    """

    pixels: Tensor
    tokens: Tensor
    mask: Tensor
    labels: Tensor


def label_batch(
    pixels: NDArray[np.uint8], tokens: NDArray[np.int64], labels: NDArray[np.int64]
) -> LabelBatch:
    """Make a batch; padding behind the longest text is cut off."""
    tokens = trimmed(tokens)
    return LabelBatch(
        torch.from_numpy(pixels),
        torch.from_numpy(tokens),
        torch.from_numpy(tokens != PAD_ID),
        torch.from_numpy(labels),
    )


def trimmed(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cut off the padding behind the longest of `[texts, length]`."""
    return tokens[:, : int((tokens != PAD_ID).sum(1).max())]


def label_loss(task: Task, step: TuningStep, batch: LabelBatch) -> BatchLoss:
    """Return a batch's cross entropy and the share of right labels."""
    device = step.device
    with mixed_precision(device):
        logits = step.model.answer(
            task,
            batch.pixels.to(device),
            batch.tokens.to(device),
            batch.mask.to(device),
            step.executed,
        )
    labels = batch.labels.to(device)
    right = (logits.argmax(-1) == labels).float().mean()
    return BatchLoss(nn.functional.cross_entropy(logits.float(), labels), float(right))


def label_answers(
    task: Task,
    evaluation: Evaluation,
    pattern: SkipPattern,
    asked: Sequence[AskedT],
    pictures_of: Callable[[AskedT], Sequence[int]],
    report: Callable[[float], None],
) -> Iterator[tuple[AskedT, str]]:
    """Yield everything asked with the label that a variant gives it.

    Args:
        task: which head answers.
        evaluation: the model, and the data that is asked about.
        pattern: executed orders.
        asked: what is asked.
        pictures_of: places in the data of the pictures that something is asked about.
        report: called with the share done.
    """
    for some in evaluation.batches(asked, report):
        pixels = evaluation.pixels([place for each in some for place in pictures_of(each)])
        labels = evaluation.labels(task, pattern, pixels, [each.text for each in some])
        yield from zip(some, labels, strict=True)


def mean_score(found: Iterable[tuple[str, float]]) -> TaskScore:
    """Return the mean of all (kind, share right), and the mean of each kind."""
    shares: dict[str, list[float]] = defaultdict(list)
    for kind, share in found:
        shares[kind].append(share)
    every = [share for of_kind in shares.values() for share in of_kind]
    kinds = {kind: float(np.mean(shares[kind])) for kind in sorted(shares)}
    return TaskScore(float(np.mean(every)) if every else None, kinds)
