"""Find the ladder: one skip pattern whose prefixes make the best family of variants.

Search "prefix beam": patterns grow one order at a time. All patterns of a depth are kept up to a
beam, ranked by the mean quality of their prefixes, so hidden states and readouts are shared along
every prefix and one block call scores one pattern. For up to 8 orders the default beam is wide
enough to be exhaustive. Quality is the mean over tasks of the share of right classes: of labels, or
of next words under teacher forcing (a cheap stand-in for the phrase recall of the manifest).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from artifact.pattern import SkipPattern
from artifact.task import TaskName
from exporters.tasks.contract import SearchRows
from models.series import OtmvModel

BEAM = 40
"""Patterns kept at each depth; 8 orders have at most 35 at any depth."""

MARGIN = 0.01
"""A pattern off the ladder joins only if it is better than the rung of its depth by this."""

RISE = 0.003
"""A variant that costs more blocks must be better by this: a third of a point."""


@dataclass(frozen=True)
class Ladder:
    """What the search found.

    Attributes:
        pattern: its prefixes are the ladder.
        quality: search-split quality of every pattern scored, in 0..1.
        evaluations: patterns scored.
        seconds: wall time of the search.
        beam: patterns kept at each depth.
    """

    pattern: SkipPattern
    quality: Mapping[SkipPattern, float]
    evaluations: int
    seconds: float
    beam: int


@dataclass(frozen=True)
class _Node:
    """A scored pattern with one (hidden state, readout) per task, and its prefixes' qualities."""

    executed: tuple[int, ...]
    states: Mapping[TaskName, tuple[Tensor, Tensor]]
    qualities: tuple[float, ...]

    @property
    def rank(self) -> float:
        return sum(self.qualities) / len(self.qualities)


class _Search:
    def __init__(self, model: OtmvModel, rows: Mapping[TaskName, SearchRows]) -> None:
        self.model, self.rows = model, rows

    def extend(self, node: _Node | None, order: int) -> _Node:
        """Score the pattern that executes `order` after `node`'s."""
        key, order_in_key = self.model.key_of(order)
        states: dict[TaskName, tuple[Tensor, Tensor]] = {}
        scores = []
        for task, given in self.rows.items():
            h, y = node.states[task] if node else (given.start, None)
            h = key(h, order_in_key, given.image_tokens, given.bias)
            y = self.model.accumulate(y, given.read(h))
            states[task] = (h, y)
            right = given.logits(y).argmax(-1) == given.truths
            scores.append(float(right[given.truths >= 0].float().mean()))
        quality = sum(scores) / len(scores)
        before = node or _Node((), {}, ())
        return _Node((*before.executed, order), states, (*before.qualities, quality))


@torch.inference_mode()
def search(
    model: OtmvModel,
    rows: Mapping[TaskName, SearchRows],
    beam: int = BEAM,
    on_progress: Callable[[float], None] | None = None,
) -> Ladder:
    """Search the ladder of a tuned model.

    Args:
        model: in eval mode, on the CPU.
        rows: examples of the search split, of at least one of the model's tasks.
        beam: patterns kept at each depth.
        on_progress: called with the share of depths done.
    """
    began_s = time.perf_counter()
    orders = model.config.orders
    tree = _Search(model, rows)
    frontier = [tree.extend(None, 0)]
    scored = list(frontier)
    for depth in range(2, orders + 1):
        grown = []
        while frontier:  # a node's states are large: they go as soon as it has grown
            node = frontier.pop(0)
            grown += [tree.extend(node, order) for order in range(node.executed[-1] + 1, orders)]
        frontier = sorted(grown, key=lambda node: node.rank, reverse=True)[:beam]
        scored += [_Node(node.executed, {}, node.qualities) for node in grown]
        if on_progress:
            on_progress(depth / orders)
    best = max(scored, key=lambda node: _ladder_mean(node, orders))
    return Ladder(
        SkipPattern(best.executed, orders),
        {SkipPattern(node.executed, orders): node.qualities[-1] for node in scored},
        len(scored),
        time.perf_counter() - began_s,
        beam,
    )


def _ladder_mean(node: _Node, orders: int) -> float:
    """Mean quality over depths 1..orders, where depths beyond the pattern count as its full one."""
    padded = (*node.qualities, *[node.qualities[-1]] * (orders - len(node.qualities)))
    return sum(padded) / orders


def family(ladder: Ladder) -> list[SkipPattern]:
    """Return the variants to ship, shallow to deep: rising rungs, patterns that earn it, and full.

    A variant stays only if it is better than every shallower one by `RISE`, and full better than
    it; a pattern off the ladder joins only if it beats the rung of its depth by `MARGIN`.
    """
    quality, full = ladder.quality, SkipPattern.full(ladder.pattern.orders)
    chosen: list[SkipPattern] = []
    best = 0.0
    for depth in range(1, full.depth):
        for one in _candidates(ladder, depth):
            if quality[one] >= best + RISE and quality[one] <= quality.get(full, 1.0) - RISE:
                chosen.append(one)
                best = quality[one]
    return [*chosen, full]


def _candidates(ladder: Ladder, depth: int) -> list[SkipPattern]:
    """Return the rung of a depth and, behind it, the best other pattern if it earns its place."""
    rungs = [ladder.pattern.prefix(depth)] if depth <= ladder.pattern.depth else []
    others = [pattern for pattern in ladder.quality if pattern.depth == depth]
    if not others:  # a narrow beam may reach no pattern of this depth
        return rungs
    top = max(others, key=lambda pattern: ladder.quality[pattern])
    bar = max((ladder.quality[rung] for rung in rungs), default=0.0) + MARGIN
    return [*rungs, top] if ladder.quality[top] >= bar and top not in rungs else rungs
