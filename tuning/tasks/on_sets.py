"""What tuning on data sets asks of a task: targets of examples, a batch's loss, a score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from artifact.preprocess import TextCodec
from artifact.task import TaskName
from models.checkpoint import token_id
from models.series import OtmvModel
from tuning.data.example import DataExample

_NO_LIMIT = 2**20


@dataclass(frozen=True)
class _Uncut:
    bos: int
    eos: int
    pad: int
    mask: int
    max_question_tokens: int = _NO_LIMIT


class Words:
    """Texts as token ids, cut to a length.

    Args:
        tokenizer: holds the special tokens.
        longest: tokens of a text at most, BOS and EOS included.

    Attributes:
        bos, eos, pad, mask: ids of the special tokens.
        longest: the same.
    """

    def __init__(self, tokenizer: Tokenizer, longest: int) -> None:
        names = ("<s>", "</s>", "<pad>", "<mask>")
        self.bos, self.eos, self.pad, self.mask = (token_id(tokenizer, name) for name in names)
        self.longest = longest
        self._codec = TextCodec(tokenizer, _Uncut(self.bos, self.eos, self.pad, self.mask))

    def padded(self, texts: Sequence[str | Sequence[int]]) -> Tensor:
        """Return BOS words EOS of each text, or of its ids: int64 `[texts, length]`."""
        rows = [self._ids(text) for text in texts]
        length = max(map(len, rows))
        return torch.tensor([row + [self.pad] * (length - len(row)) for row in rows])

    def text(self, ids: Sequence[int]) -> str:
        """Return the words of ids."""
        return self._codec.decode(ids)

    def _ids(self, text: str | Sequence[int]) -> list[int]:
        if not isinstance(text, str):
            inside = list(text)
        elif text.strip():
            inside = self._codec.encode_question(text)[1:-1]
        else:
            inside = []
        return [self.bos, *inside[: self.longest - 2], self.eos]


@dataclass(frozen=True)
class Asking:
    """What turns a task's examples into tensors.

    Attributes:
        task: its name.
        words: of the model.
        labels: what its logits say; empty if it writes.
        several_people: whether examples have the answers of several people.
        smoothing: share of a target that is spread over all words or labels.
    """

    task: TaskName
    words: Words
    labels: tuple[str, ...]
    several_people: bool
    smoothing: float


@dataclass(frozen=True)
class SetBatch:
    """Requests of one task with what is right.

    Attributes:
        pixels: uint8 `[b, side, side, 3]`; `[b, pictures, side, side, 3]` of a task with several.
        tokens: int64 `[b, l]`, padded.
        targets: of the task's own kind, `[b, …]`.
        counted: for each request what its loss is divided among, fp32 `[b]`: 1, or its words.
    """

    pixels: Tensor
    tokens: Tensor
    targets: Tensor
    counted: Tensor

    def parts(self, count: int) -> list[SetBatch]:
        """Cut it into as many equal batches."""
        columns = (self.pixels, self.tokens, self.targets, self.counted)
        cut = (column.chunk(count) for column in columns)
        return [SetBatch(*each) for each in zip(*cut, strict=True)]

    def to(self, device: torch.device) -> SetBatch:
        """Return it on a device."""
        columns = (self.pixels, self.tokens, self.targets, self.counted)
        return SetBatch(*(column.to(device) for column in columns))


Labelled = tuple[Tensor, Tensor, Tensor]
"""Of a batch: tokens, targets, and what each request counts."""


@dataclass(frozen=True)
class TunedOnSets:
    """What tuning on data sets does for one task.

    Attributes:
        labelled: makes tokens and targets of examples.
        loss: the sum over a batch, fp32, and how many requests were answered right (None: the
            task writes).
        heading: what its score is called.
        score: of examples whose right answers are known, with the answer to each.
    """

    labelled: Callable[[Asking, Sequence[DataExample]], Labelled]
    loss: Callable[[OtmvModel, Asking, SetBatch, Sequence[int]], tuple[Tensor, Tensor | None]]
    heading: str
    score: Callable[[Sequence[DataExample], Sequence[str]], float]


def texts_of(examples: Sequence[DataExample]) -> list[str | Sequence[int]]:
    """Return the text of each example, or its ids where the data holds these."""
    return [
        each.tokens if each.text is None and each.tokens else each.text or "" for each in examples
    ]


def mean(values: Sequence[float]) -> float:
    """Return a mean; 0 of nothing."""
    return float(np.mean(values)) if values else 0.0
