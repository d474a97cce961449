"""Find the ladder: one skip pattern whose prefixes make the best family of variants.

Search "prefix beam": patterns grow one order at a time. All patterns of a depth are kept up to a
beam, ranked by the mean quality of their prefixes, so hidden states and readouts are shared along
every prefix and one block call scores one pattern. For up to 8 orders the default beam is wide
enough to be exhaustive (ADR 0015).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from artifact.pattern import SkipPattern
from artifact.task import TaskName
from exporters.ladder.patterns import PatternScores, ScoredPattern
from exporters.tasks.contract import SearchRows
from models.series import OtmvModel

BEAM = 40
"""Patterns kept at each depth; 8 orders have at most 35 at any depth."""


@dataclass(frozen=True)
class Ladder:
    """What the search found.

    Attributes:
        pattern: its prefixes are the ladder.
        quality: search-split quality of every pattern scored, in 0..1; of every prefix of the stack
            at least.
        evaluations: patterns scored.
        seconds: wall time of the search.
        beam: patterns kept at each depth.
        chained: only prefixes of `pattern` become variants, and it is the last of them.
    """

    pattern: SkipPattern
    quality: Mapping[SkipPattern, float]
    evaluations: int
    seconds: float
    beam: int
    chained: bool = False

    def as_chain(self) -> Ladder:
        """Return the ladder whose rungs are a chain that ends at the full pattern (ADR 0030).

        Executed orders ascend, so such a chain is made of prefixes of the whole stack.
        """
        return dataclasses.replace(
            self, pattern=SkipPattern.full(self.pattern.orders), chained=True
        )

    def best(self, depth: int) -> SkipPattern | None:
        """Return the best pattern of a depth, None if the search reached none.

        Of equally good ones, one of the ladder.
        """
        found = [pattern for pattern in self.quality if pattern.depth == depth]
        return max(
            found,
            key=lambda one: (self.quality[one], one.is_prefix_of(self.pattern)),
            default=None,
        )


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
        beam: patterns kept at each depth; the stack's own prefix is kept beside them.
        on_progress: called with the share of depths done.
    """
    began_s = time.perf_counter()
    orders = model.config.orders
    scores = PatternScores(model, rows)
    frontier = [scores.extend(None, 0)]
    scored = list(frontier)
    for depth in range(2, orders + 1):
        grown = []
        while frontier:  # a pattern's states are large: they go as soon as it has grown
            node = frontier.pop(0)
            grown += [scores.extend(node, order) for order in range(node.executed[-1] + 1, orders)]
        frontier = _kept(grown, beam)
        scored += [dataclasses.replace(node, states={}) for node in grown]
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


def _kept(grown: list[ScoredPattern], beam: int) -> list[ScoredPattern]:
    """Return the best patterns of a depth, and the stack's own prefix: a chain needs every one."""
    ranked = sorted(grown, key=lambda node: node.prefix_mean, reverse=True)
    straight = tuple(range(len(grown[0].executed)))
    return ranked[:beam] + [node for node in ranked[beam:] if node.executed == straight]


def _ladder_mean(node: ScoredPattern, orders: int) -> float:
    """Mean quality over depths 1..orders, where depths beyond the pattern count as its full one."""
    padded = (*node.qualities, *[node.qualities[-1]] * (orders - len(node.qualities)))
    return sum(padded) / orders
