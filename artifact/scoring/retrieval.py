"""How rankings are scored: recall at 1, 5 and 10."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DEPTHS = (1, 5, 10)
"""How many of the best are looked at."""

_SCORES_AT_ONCE = 1 << 24
"""Of queries and items that `ranks` has in memory: 64 MiB."""


def places_found(scores: NDArray[np.float32]) -> list[int]:
    """Return the place of the item that each query finds; query i's own item is item i.

    A wrong item with the same score stands before the right one, as in `recalls`.

    Args:
        scores: of every query and item, higher is better: `[items, items]`.

    Raises:
        ValueError: a score is no number.
    """
    if np.isnan(scores).any():
        raise ValueError("a score is no number; nothing can be ranked by it")
    own = np.arange(len(scores))
    best = scores.argmax(1)
    others = np.array(scores, np.float64)
    others[own, own] = -np.inf
    rival = others.argmax(1)
    tied = (best == own) & (others[own, rival] >= scores[own, own]) & (rival != own)
    return [int(place) for place in np.where(tied, rival, best)]


def share_found(places: Sequence[int]) -> float:
    """Return R@1 from `places_found`: the share of queries that find their own item.

    Raises:
        ValueError: there is none.
    """
    if not len(places):
        raise ValueError("rankings cannot be scored without a query")
    return float(np.mean(np.asarray(places) == np.arange(len(places))))


def recalls(
    scores: NDArray[np.float32], right: Sequence[Sequence[int]], depths: Sequence[int] = DEPTHS
) -> dict[int, float]:
    """Return, for each depth k, the share of queries with a right item among their k best.

    A wrong item with the same score stands before the right one, so that a model that scores
    everything alike finds nothing.

    Args:
        scores: of every query and item, higher is better: `[queries, items]`.
        right: for each query the places of its right items, at least one.
        depths: every k.

    Raises:
        ValueError: there is no query, one has no right item, or a score is no number.
    """
    _check_right(len(scores), right)
    return shares_within(_ranks(scores, right), depths)


def ranks(
    queries: NDArray[np.float32], items: NDArray[np.float32], right: Sequence[Sequence[int]]
) -> NDArray[np.int64]:
    """Return where, from 1, each query finds the first of its right items, by dot products.

    1 more than the wrong items that score as high or higher; right items do not stand in each
    other's way, as in the public evaluation of COCO and Flickr30k: VSE++ (Faghri et al., 2018),
    `i2t` and `t2i` of its evaluation.py, where a picture has the best rank of its five captions.

    Args:
        queries: vectors `[queries, D]`.
        items: vectors `[items, D]`; compared in blocks, so that no more than 64 MiB are taken.
        right: for each query the places of its right items, at least one.

    Raises:
        ValueError: there is no query, one has no right item, or a score is no number.
    """
    _check_right(len(queries), right)
    block = max(1, _SCORES_AT_ONCE // len(items))
    starts = range(0, len(queries), block)
    return np.concatenate(
        [_ranks(queries[at : at + block] @ items.T, right[at : at + block]) for at in starts]
    )


def shares_within(ranks: NDArray[np.int64], depths: Sequence[int] = DEPTHS) -> dict[int, float]:
    """Return R@k for each depth k: the share of ranks, which count from 1, up to k."""
    return {depth: float((ranks <= depth).mean()) for depth in depths}


def _check_right(queries: int, right: Sequence[Sequence[int]]) -> None:
    if not len(right) or len(right) != queries or not all(map(len, right)):
        raise ValueError("rankings cannot be scored without a right item for each query")


def _ranks(scores: NDArray[np.float32], right: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    if np.isnan(scores).any():
        raise ValueError("a score is no number; nothing can be ranked by it")
    found = np.empty(len(right), np.int64)
    for query, items in enumerate(right):
        places = np.asarray(items)
        best = scores[query, places].max()
        at_least = int((scores[query] >= best).sum())
        found[query] = 1 + at_least - int((scores[query, places] >= best).sum())
    return found
