"""Labelled examples: for the ladder search, for quality, and for golden cases."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from artifact.preprocess import TextCodec, to_pixels
from artifact.task import TaskName


@dataclass(frozen=True)
class Example:
    """One labelled request.

    Attributes:
        image: encoded bytes of the picture's file; for reason, of the left one's.
        task: which head answers.
        question: for vqa.
        answers: accepted answers, for vqa.
        caption: a right caption, for captions.
        phrases: what a right caption names.
        right_image: encoded bytes of the right picture's file, for reason.
        statement: for reason.
        truth: of the statement.
    """

    image: bytes
    task: TaskName
    question: str | None = None
    answers: tuple[str, ...] = ()
    caption: str | None = None
    phrases: tuple[str, ...] = ()
    right_image: bytes | None = None
    statement: str | None = None
    truth: bool | None = None

    @property
    def images(self) -> tuple[bytes, ...]:
        """The encoded pictures, left to right."""
        return (self.image,) if self.right_image is None else (self.image, self.right_image)


def picture(image: bytes, side_px: int) -> NDArray[np.uint8]:
    """Decode and resize: uint8 `[side, side, 3]`."""
    return to_pixels(Image.open(io.BytesIO(image)).convert("RGB"), side_px)


@dataclass(frozen=True)
class Questions:
    """VQA examples: pixels uint8, tokens int64 `[n, l]`, mask bool, answers int64 `[n]`."""

    pixels: Tensor
    tokens: Tensor
    mask: Tensor
    answers: Tensor


@dataclass(frozen=True)
class Captions:
    """Caption examples: pixels uint8, words and next words int64 `[n, l]`, -1 past the end."""

    pixels: Tensor
    words: Tensor
    next_words: Tensor


@dataclass(frozen=True)
class Statements:
    """Reason examples: pixels uint8 `[n, 2, side, side, 3]`, tokens, mask, truths int64 `[n]`."""

    pixels: Tensor
    tokens: Tensor
    mask: Tensor
    truths: Tensor


@dataclass(frozen=True)
class Stacked:
    """The labelled examples of each task as tensors; None for a task that has none."""

    questions: Questions | None = None
    captions: Captions | None = None
    statements: Statements | None = None


def questions(
    examples: Sequence[Example], codec: TextCodec, labels: Sequence[str], side_px: int, pad: int
) -> Questions:
    """Stack the VQA examples whose first answer is a label."""
    index = {label: position for position, label in enumerate(labels)}
    asked = [e for e in examples if e.task == "vqa" and e.question and e.answers[0] in index]
    ids = [codec.encode_question(e.question or "") for e in asked]
    tokens = _padded(ids, pad)
    return Questions(
        torch.from_numpy(np.stack([picture(e.image, side_px) for e in asked])),
        tokens,
        _lengths_mask(ids, tokens.shape[1]),
        torch.tensor([index[e.answers[0]] for e in asked]),
    )


def captions(examples: Sequence[Example], codec: TextCodec, side_px: int, pad: int) -> Captions:
    """Stack the caption examples for teacher forcing."""
    told = [e for e in examples if e.task == "caption" and e.caption]
    ids = [codec.encode_question(e.caption or "") for e in told]
    return Captions(
        torch.from_numpy(np.stack([picture(e.image, side_px) for e in told])),
        _padded([row[:-1] for row in ids], pad),
        _padded([row[1:] for row in ids], -1),
    )


def statements(examples: Sequence[Example], codec: TextCodec, side_px: int, pad: int) -> Statements:
    """Stack the reason examples."""
    judged = [e for e in examples if e.task == "reason" and e.statement]
    ids = [codec.encode_question(e.statement or "") for e in judged]
    tokens = _padded(ids, pad)
    pairs = [np.stack([picture(image, side_px) for image in e.images]) for e in judged]
    return Statements(
        torch.from_numpy(np.stack(pairs)),
        tokens,
        _lengths_mask(ids, tokens.shape[1]),
        torch.tensor([int(bool(e.truth)) for e in judged]),
    )


def _padded(rows: Sequence[Sequence[int]], fill: int) -> Tensor:
    length = max(len(row) for row in rows)
    return torch.tensor([[*row, *[fill] * (length - len(row))] for row in rows])


def _lengths_mask(rows: Sequence[Sequence[int]], length: int) -> Tensor:
    return torch.arange(length)[None] < torch.tensor([len(row) for row in rows])[:, None]
