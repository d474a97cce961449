"""Tuning on captions, and the share of objects that captions name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from artifact.pattern import SkipPattern
from artifact.scoring.captions import caption_scores, tokenize
from artifact.scoring.phrases import objects_named
from artifact.task import CAPTION
from models.series import OtmvModel
from tuning.data.example import DataExample
from tuning.device import mixed_precision
from tuning.evaluation import Evaluation
from tuning.pool import CAPTION_TOKENS, PicturePool
from tuning.tasks.contract import BatchLoss, TaskScore, TunedTask, TuningStep
from tuning.tasks.labels import trimmed
from tuning.tasks.on_sets import Asking, Labelled, SetBatch, TunedOnSets
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


def _labelled(asking: Asking, examples: Sequence[DataExample]) -> Labelled:
    """Take the first caption of each example: a picture is an example for each of its captions."""
    tokens = asking.words.padded([each.answers[0] for each in examples])
    words, after = tokens[:, :-1], tokens[:, 1:]
    return words, after, (after != asking.words.pad).sum(1).float()


def _set_loss(
    model: OtmvModel, asking: Asking, batch: SetBatch, executed: Sequence[int]
) -> tuple[Tensor, None]:
    """Return the cross entropy, summed over words: each is predicted at a MASK in its place.

    BEiT-3 masks 70 % of a caption's words and lets them be seen; here every word has its own MASK,
    as while writing.
    """
    logits = model.caption_logits(batch.pixels, batch.tokens, asking.words.mask, executed)
    loss = nn.functional.cross_entropy(
        logits.float().flatten(0, 1),
        batch.targets.flatten(),
        ignore_index=asking.words.pad,
        reduction="sum",
        label_smoothing=asking.smoothing,
    )
    return loss, None


def _set_score(examples: Sequence[DataExample], answers: Sequence[str]) -> float:
    references = [[tokenize(text) for text in each.answers] for each in examples]
    return caption_scores([tokenize(answer) for answer in answers], references).bleu4


TUNED_CAPTION = TunedTask(
    "caption phrase recall",
    _loss,
    _score,
    TunedOnSets(_labelled, _set_loss, "BLEU@4", _set_score),
)
