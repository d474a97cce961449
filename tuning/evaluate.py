"""Measure a checkpoint's variants on a world: right answers, objects named, right judgements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from artifact.pattern import SkipPattern
from artifact.preprocess import TextCodec
from artifact.scoring import objects_named, vqa_accuracy
from artifact.task import TaskName
from models.checkpoint import Checkpoint, token_id
from tuning.labelled import Data
from tuning.pool import CAPTION_TOKENS
from tuning.tokens import PAD
from tuning.world.questions import Kind
from tuning.world.statements import Kind as StatementKind

BATCH = 256
"""Requests computed together."""

Row = TypeVar("Row")
Group = TypeVar("Group", bound=Hashable)


@dataclass(frozen=True)
class Score:
    """Quality of one variant, each 0 to 1.

    Attributes:
        pattern: executed orders.
        vqa: mean VQA accuracy; None if the model has no such task.
        kinds: the same for each kind of question.
        caption: share of objects named; None if the model has no such task.
        reason: share of statements judged right; None if the model has no such task.
        statement_kinds: the same for each kind of statement.
    """

    pattern: SkipPattern
    vqa: float | None
    kinds: dict[Kind, float]
    caption: float | None
    reason: float | None
    statement_kinds: dict[StatementKind, float]


@dataclass(frozen=True)
class _Limits:
    bos: int
    eos: int
    pad: int
    mask: int
    max_question_tokens: int


def ladder(orders: int) -> list[SkipPattern]:
    """Return the prefixes of the whole stack, shortest first; the last executes every order."""
    full = SkipPattern.full(orders)
    return [full.prefix(depth) for depth in range(1, orders + 1)]


class Evaluation:
    """A checkpoint and the data it is measured on; computes in fp32.

    Args:
        checkpoint: its model is moved to `device`.
        data: pictures of the model's side.
        device: where to compute.
    """

    def __init__(self, checkpoint: Checkpoint, data: Data, device: torch.device) -> None:
        config, special = checkpoint.model.config, checkpoint.special
        pad = token_id(checkpoint.tokenizer, PAD)
        limits = _Limits(special.bos, special.eos, pad, special.mask, config.max_text_positions)
        self._checkpoint, self._data, self._device, self._pad = checkpoint, data, device, pad
        self._model = checkpoint.model.to(device).eval()
        self._codec = TextCodec(checkpoint.tokenizer, limits)
        self._caption_tokens = min(CAPTION_TOKENS, config.max_text_positions) - 1

    def score(
        self, pattern: SkipPattern, on_progress: Callable[[float], None] | None = None
    ) -> Score:
        """Measure one variant.

        Args:
            pattern: executed orders.
            on_progress: called with the share done.

        Raises:
            TextError: a question or a statement is longer than the model reads.
        """
        tasks = self._model.config.tasks
        report = on_progress or (lambda share: None)

        def part(task: TaskName) -> Callable[[float], None]:
            return lambda share: report((tasks.index(task) + share) / len(tasks))

        vqa = reason = caption = None
        kinds: dict[Kind, float] = {}
        statement_kinds: dict[StatementKind, float] = {}
        if "vqa" in tasks:
            vqa, kinds = _means(self._answer(pattern, part("vqa")))
        if "caption" in tasks:
            caption = objects_named(self._tell(pattern, part("caption")), self._data.objects)
        if "reason" in tasks:
            reason, statement_kinds = _means(self._judge(pattern, part("reason")))
        return Score(pattern, vqa, kinds, caption, reason, statement_kinds)

    def _answer(
        self, pattern: SkipPattern, report: Callable[[float], None]
    ) -> Iterator[tuple[Kind, float]]:
        """Yield the kind and the accuracy of every question."""
        labels = self._checkpoint.labels
        for rows in _batches(self._data.questions, report):
            tokens = self._padded([self._codec.encode_question(row.text) for row in rows])
            pixels = self._pixels([row.picture for row in rows])
            with torch.inference_mode():
                logits = self._model.vqa(pixels, tokens, tokens != self._pad, pattern.executed)
            for row, label in zip(rows, logits.argmax(-1).tolist(), strict=True):
                yield row.kind, vqa_accuracy(labels[label], [row.answer])

    def _tell(self, pattern: SkipPattern, report: Callable[[float], None]) -> Iterator[str]:
        """Yield every picture's caption."""
        special = self._checkpoint.special
        for rows in _batches(range(len(self._data.pixels)), report):
            written = self._model.generate(
                self._pixels(rows), special, pattern.executed, self._caption_tokens
            )
            for ids in written.tolist():
                yield self._codec.decode(ids)

    def _judge(
        self, pattern: SkipPattern, report: Callable[[float], None]
    ) -> Iterator[tuple[StatementKind, float]]:
        """Yield the kind of every statement and whether it was judged right."""
        for rows in _batches(self._data.statements, report):
            tokens = self._padded([self._codec.encode_question(row.text) for row in rows])
            pairs = [place for row in rows for place in (row.left, row.right)]
            pixels = self._pixels(pairs)
            pixels = pixels.view(-1, 2, *pixels.shape[1:])
            with torch.inference_mode():
                logits = self._model.reason(pixels, tokens, tokens != self._pad, pattern.executed)
            for row, truth in zip(rows, logits.argmax(-1).tolist(), strict=True):
                yield row.kind, float(bool(truth) == row.truth)

    def _pixels(self, pictures: Sequence[int]) -> Tensor:
        return torch.from_numpy(self._data.pixels[np.asarray(pictures)]).to(self._device)

    def _padded(self, questions: list[list[int]]) -> Tensor:
        """Pad to the longest: int64 `[batch, length]`."""
        length = max(map(len, questions))
        rows = [ids + [self._pad] * (length - len(ids)) for ids in questions]
        return torch.tensor(rows, device=self._device)


def _means(found: Iterable[tuple[Group, float]]) -> tuple[float | None, dict[Group, float]]:
    """Return the mean of all shares, None if there is none, and the mean of each group."""
    shares: dict[Group, list[float]] = defaultdict(list)
    for group, share in found:
        shares[group].append(share)
    every = [share for each in shares.values() for share in each]
    of_group = {group: float(np.mean(shares[group])) for group in sorted(shares, key=str)}
    return (float(np.mean(every)) if every else None), of_group


def _batches(rows: Sequence[Row], report: Callable[[float], None]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
        report(min(1.0, (start + BATCH) / len(rows)))
