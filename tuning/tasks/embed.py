"""Tuning vectors of pictures and texts against each other, and how often each finds its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from artifact.pattern import SkipPattern
from artifact.scoring.retrieval import recalls
from artifact.task import EMBED
from models.embeddings import embed_images, embed_texts, match_scale
from tuning.device import mixed_precision
from tuning.evaluation import Evaluation
from tuning.pool import PicturePool
from tuning.tasks.contract import BatchLoss, TaskScore, TunedTask, TuningStep
from tuning.tasks.labels import trimmed
from tuning.tokens import PAD_ID
from tuning.world.matching import told_apart

_STREAM = 4
"""Sets the draws of this task's batches apart from those of other tasks."""

_ONE_OBJECT_TOKENS = 6
"""Of a caption that names one object: true of too many pictures to tell one by."""


@dataclass(frozen=True)
class PairBatch:
    """Pictures, each with its caption.

    Attributes:
        pixels: uint8 `[b, side, side, 3]`.
        tokens: int64 `[b, l]`, padded to the longest.
        mask: bool `[b, l]`, True for real tokens.
    """

    pixels: Tensor
    tokens: Tensor
    mask: Tensor


def pair_batch(pool: PicturePool, seed: int, step: int, size: int) -> PairBatch:
    """Draw `size` different pictures of several objects, with their captions."""
    rng = np.random.default_rng([seed, step, _STREAM])
    lengths = (pool.captions != PAD_ID).sum(1)
    several = np.flatnonzero(lengths > _ONE_OBJECT_TOKENS)
    picture = rng.choice(several, size=min(size, len(several)), replace=False)
    tokens = trimmed(pool.captions[picture])
    return PairBatch(
        torch.from_numpy(pool.pixels[picture]),
        torch.from_numpy(tokens),
        torch.from_numpy(tokens != PAD_ID),
    )


def _loss(step: TuningStep) -> BatchLoss:
    """Return the contrastive loss, both ways (Radford et al., CLIP, figure 3; as in BEiT-3)."""
    recipe, device = step.recipe, step.device
    batch = pair_batch(step.pool, recipe.seed, step.number, recipe.batch_sizes[EMBED])
    with mixed_precision(device):
        seen = embed_images(step.model, batch.pixels.to(device), step.executed)
        read = embed_texts(
            step.model, batch.tokens.to(device), batch.mask.to(device), step.executed
        )
    logits = match_scale(step.model) * (seen.float() @ read.float().T)
    own = torch.arange(len(logits), device=device)
    ways = (logits, logits.T)
    loss = sum(nn.functional.cross_entropy(way, own) for way in ways) / 2
    right = sum(float((way.argmax(1) == own).float().mean()) for way in ways) / 2
    return BatchLoss(torch.as_tensor(loss), right)


def _score(
    evaluation: Evaluation, pattern: SkipPattern, report: Callable[[float], None]
) -> TaskScore:
    """Return the mean of R@1 both ways among pictures that captions tell apart, and each way's."""
    captions = evaluation.data.captions
    chosen = told_apart(captions)
    if len(chosen) < 2:
        return TaskScore(None, {})
    seen, read = [], []
    for some in evaluation.batches(chosen, report):
        seen.append(evaluation.picture_vectors(pattern, evaluation.pixels(some)))
        read.append(evaluation.text_vectors(pattern, [captions[place] for place in some]))
    cosines = (torch.cat(read) @ torch.cat(seen).T).cpu().numpy()
    own = [[place] for place in range(len(chosen))]
    ways = {"text to picture": recalls(cosines, own), "picture to text": recalls(cosines.T, own)}
    kinds = {f"{way}, R@{depth}": found[depth] for way, found in ways.items() for depth in (1, 5)}
    return TaskScore(float(np.mean([found[1] for found in ways.values()])), kinds)


TUNED_EMBED = TunedTask("retrieval R@1", _loss, _score)
