"""Tuning on captions, and the share of objects that captions name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from artifact.pattern import SkipPattern
from artifact.scoring.phrases import objects_named
from artifact.task import CAPTION
from tuning.device import mixed_precision
from tuning.evaluation import Evaluation
from tuning.pool import CAPTION_TOKENS, PicturePool
from tuning.tasks.contract import BatchLoss, TaskScore, TunedTask, TuningStep
from tuning.tasks.labels import trimmed
from tuning.tokens import MASK_ID, PAD_ID

_STREAM = 1
"""Sets the draws of this task's batches apart from those of other tasks."""


@dataclass(frozen=True)
class CaptionBatch:
    """Captions.

    Attributes:
        pixels: uint8 `[b, side, side, 3]`.
        words: int64 `[b, l]`, from BOS on.
        next_words: int64 `[b, l]`, each the word after.
    """

    pixels: Tensor
    words: Tensor
    next_words: Tensor


def caption_batch(pool: PicturePool, seed: int, step: int, size: int) -> CaptionBatch:
    """Draw `size` captions, trimmed to the longest of them."""
    rng = np.random.default_rng([seed, step, _STREAM])
    picture = rng.integers(len(pool.pixels), size=size)
    words = trimmed(pool.captions[picture])
    return CaptionBatch(
        torch.from_numpy(pool.pixels[picture]),
        torch.from_numpy(words[:, :-1]),
        torch.from_numpy(words[:, 1:]),
    )


def _loss(step: TuningStep) -> BatchLoss:
    recipe, device = step.recipe, step.device
    size = recipe.batch_sizes[CAPTION.name]
    batch = caption_batch(step.pool, recipe.seed, step.number, size)
    with mixed_precision(device):
        logits = step.model.caption_logits(
            batch.pixels.to(device), batch.words.to(device), MASK_ID, step.executed
        )
    loss = nn.functional.cross_entropy(
        logits.float().flatten(0, 1), batch.next_words.to(device).flatten(), ignore_index=PAD_ID
    )
    return BatchLoss(loss, None)


def _score(
    evaluation: Evaluation, pattern: SkipPattern, report: Callable[[float], None]
) -> TaskScore:
    """Return the share of objects named."""
    captions = _written(evaluation, pattern, report)
    return TaskScore(objects_named(captions, evaluation.data.objects), {})


def _written(
    evaluation: Evaluation, pattern: SkipPattern, report: Callable[[float], None]
) -> Iterator[str]:
    """Yield the caption of every picture."""
    for pictures in evaluation.batches(range(len(evaluation.data.pixels)), report):
        yield from evaluation.captions(pattern, evaluation.pixels(pictures), CAPTION_TOKENS)


TUNED_CAPTION = TunedTask("caption phrase recall", _loss, _score)
