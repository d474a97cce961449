"""Merging weight tensors: the modalities' feed-forwards into one, and a run of blocks into one key.

OTMV merges the feed-forward of vision and language into one cross-modal tensor (supplement,
section 3.4), and lets all orders of a key share the matrices of its first block (section 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

Merge = Callable[[Tensor, Tensor], Tensor]
"""Merges a vision tensor and a language tensor of one shape into a tensor of that shape."""

Choose = Callable[[Sequence[Tensor]], Tensor]
"""Makes one tensor from the tensors of all blocks that will share a key, given in order."""


def elementwise_mean(vision: Tensor, language: Tensor) -> Tensor:
    """Merge by the elementwise mean (supplement, eq. 4): the paper's choice and our default.

    Raises:
        ValueError: the shapes differ.
    """
    return weighted_sum(vision, language, 0.5, 0.5)


def weighted_sum(vision: Tensor, language: Tensor, alpha: float, beta: float) -> Tensor:
    """Merge by `alpha * vision + beta * language` (supplement, eq. 5).

    The paper does not say that the factors add up to one; other sums scale the merged tensor.

    Raises:
        ValueError: the shapes differ.
    """
    if vision.shape != language.shape:
        raise ValueError(f"cannot merge {tuple(vision.shape)} with {tuple(language.shape)}")
    return alpha * vision + beta * language


def least_mse(vision: Tensor, language: Tensor) -> Tensor:
    """Merge by the least mean square error (supplement, eq. 6): the same tensor as the mean.

    Eq. 6 asks for the W that minimises sqrt(((V - W)^2 + (L - W)^2) / 2). The root is monotone, so
    it is least where the sum of squares is. The derivative 2 (W - V) + 2 (W - L) is zero at
    W = (V + L) / 2; this holds for each element and for the norm over the tensor alike. As printed,
    eq. 6 is therefore eq. 4. The paper reports slightly different scores for the two without saying
    what it did differently.

    A reading that does differ matches outputs instead of weights: with inputs X_v and X_l, minimise
    |X_v (V - W)|^2 + |X_l (L - W)|^2. It is not taken: eq. 6 has no inputs in it, it would make the
    conversion depend on calibration data, and it could be solved for one linear at a time only,
    although the two linears meet around a nonlinearity; tuning follows the merge in any case.

    Raises:
        ValueError: the shapes differ.
    """
    return elementwise_mean(vision, language)


def weighted(alpha: float, beta: float) -> Merge:
    """Return eq. 5 with its factors fixed."""
    return partial(weighted_sum, alpha=alpha, beta=beta)


def merge_named(text: str) -> Merge:
    """Return a merge by its name on a command line: `mean`, `weighted:A,B` or `mse`.

    Raises:
        ValueError: it names none.
    """
    if text in _NAMED:
        return _NAMED[text]
    kind, _, factors = text.partition(":")
    try:
        alpha, beta = (float(factor) for factor in factors.split(","))
    except ValueError:
        alpha = beta = math.nan
    if kind != "weighted" or not math.isfinite(alpha + beta):
        raise ValueError(f"no merge {text!r}; write mean, mse or, for example, weighted:0.7,0.3")
    return weighted(alpha, beta)


_NAMED: dict[str, Merge] = {"mean": elementwise_mean, "mse": least_mse}


def first_block(blocks: Sequence[Tensor]) -> Tensor:
    """Take the first block's tensor: the key is the first-order block (supplement, section 1)."""
    return blocks[0]


def mean_block(blocks: Sequence[Tensor]) -> Tensor:
    """Take the mean over the blocks; not in the paper, for comparison with `first_block`."""
    return torch.stack(list(blocks)).mean(0)
