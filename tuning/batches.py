"""Batches of a step: a pure function of (seed, step), so a resumed run sees the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tuning.pool import Pool


@dataclass(frozen=True)
class VqaBatch:
    """Questions.

    Attributes:
        pixels: uint8 `[b, side, side, 3]`.
        tokens: int64 `[b, l]`.
        mask: bool `[b, l]`, True for real tokens.
        answers: int64 `[b]`.
    """

    pixels: Tensor
    tokens: Tensor
    mask: Tensor
    answers: Tensor


@dataclass(frozen=True)
class CaptionBatch:
    """Captions: pixels uint8, words int64 `[b, l]` from BOS on, next words int64 `[b, l]`."""

    pixels: Tensor
    words: Tensor
    next_words: Tensor


@dataclass(frozen=True)
class ReasonBatch:
    """Statements about pairs of pictures.

    Attributes:
        pixels: uint8 `[b, 2, side, side, 3]`, left and right.
        tokens: int64 `[b, l]`.
        mask: bool `[b, l]`, True for real tokens.
        truths: int64 `[b]`, 1 where the statement is true.
    """

    pixels: Tensor
    tokens: Tensor
    mask: Tensor
    truths: Tensor


def vqa_batch(
    pool: Pool,
    seed: int,
    step: int,
    size: int,
    pad: int,
    kind_shares: Sequence[float] | None = None,
) -> VqaBatch:
    """Draw `size` questions, each kind with its share, trimmed to the longest of them."""
    rng = np.random.default_rng([seed, step, 0])
    if kind_shares is None:
        picture = rng.integers(len(pool.pixels), size=size)
        question = rng.integers(pool.answers.shape[1], size=size)
    else:
        shares = [
            share * bool(len(found)) for share, found in zip(kind_shares, pool.of_kind, strict=True)
        ]
        kinds = rng.choice(len(shares), size=size, p=np.array(shares) / sum(shares))
        flat = np.array([rng.choice(pool.of_kind[kind]) for kind in kinds])
        picture, question = np.divmod(flat, pool.answers.shape[1])
    tokens = pool.questions[picture, question]
    tokens = tokens[:, : int((tokens != pad).sum(1).max())]
    return VqaBatch(
        torch.from_numpy(pool.pixels[picture]),
        torch.from_numpy(tokens),
        torch.from_numpy(tokens != pad),
        torch.from_numpy(pool.answers[picture, question]),
    )


def caption_batch(pool: Pool, seed: int, step: int, size: int, pad: int) -> CaptionBatch:
    """Draw `size` captions, trimmed to the longest of them."""
    rng = np.random.default_rng([seed, step, 1])
    picture = rng.integers(len(pool.pixels), size=size)
    words = pool.captions[picture]
    words = words[:, : int((words != pad).sum(1).max())]
    return CaptionBatch(
        torch.from_numpy(pool.pixels[picture]),
        torch.from_numpy(words[:, :-1]),
        torch.from_numpy(words[:, 1:]),
    )


def reason_batch(pool: Pool, seed: int, step: int, size: int, pad: int) -> ReasonBatch:
    """Draw `size` statements, trimmed to the longest of them."""
    rng = np.random.default_rng([seed, step, 2])
    left = rng.integers(len(pool.statements), size=size)
    statement = rng.integers(pool.truths.shape[1], size=size)
    tokens = pool.statements[left, statement]
    tokens = tokens[:, : int((tokens != pad).sum(1).max())]
    return ReasonBatch(
        torch.from_numpy(pool.pixels[np.stack([left, left + 1], axis=1)]),
        torch.from_numpy(tokens),
        torch.from_numpy(tokens != pad),
        torch.from_numpy(pool.truths[left, statement]),
    )
