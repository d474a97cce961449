"""Find the ladder: one skip pattern whose prefixes make the best family of variants.

Search "prefix beam": patterns grow one order at a time. All patterns of a depth are kept up to a
beam, ranked by the mean quality of their prefixes, so hidden states and readouts are shared along
every prefix and one block call scores one pattern. For up to 8 orders the default beam is wide
enough to be exhaustive. Quality is the mean over tasks of the accuracy of answers, of judged
statements, and of next words under teacher forcing (cheap stand-in for the phrase recall that the
manifest reports).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from artifact.pattern import SkipPattern
from artifact.task import TaskName
from exporters.examples import Captions, Stacked
from models.key_block import key_mask_bias, masked_decoding_bias
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
    def __init__(self, model: OtmvModel, examples: Stacked, mask_id: int) -> None:
        self.model, self.image_tokens = model, model.config.image_tokens
        self.start: dict[TaskName, Tensor] = {}
        self.bias: dict[TaskName, Tensor] = {}
        self.truths: dict[TaskName, Tensor] = {}  # right classes; negative where nothing is asked
        if (asked := examples.questions) is not None:
            self.truths["vqa"] = asked.answers
            self._join("vqa", asked.pixels, asked.tokens, asked.mask)
        if (told := examples.captions) is not None:
            self.truths["caption"] = told.next_words
            self._tell(told, mask_id)
        if (judged := examples.statements) is not None:  # rows: left, right, left, right ...
            self.truths["reason"] = judged.truths
            tokens, mask = (each.repeat_interleave(2, 0) for each in (judged.tokens, judged.mask))
            self._join("reason", judged.pixels.flatten(0, 1), tokens, mask)

    def _join(self, task: TaskName, pixels: Tensor, tokens: Tensor, mask: Tensor) -> None:
        """Start rows of a picture and a text."""
        stem = self.model.stem
        self.start[task] = torch.cat([stem.image(pixels), stem.text(tokens)], dim=1)
        seen = torch.nn.functional.pad(mask, (self.image_tokens, 0), value=True)
        self.bias[task] = key_mask_bias(seen, torch.float32)

    def _tell(self, told: Captions, mask_id: int) -> None:
        """Start captions under teacher forcing."""
        stem, length = self.model.stem, told.words.shape[1]
        where = torch.arange(length)
        masks = stem.text(torch.full_like(told.words, mask_id), where + 1)
        self.start["caption"] = torch.cat(
            [stem.image(told.pixels), stem.text(told.words, where), masks], dim=1
        )
        self.bias["caption"] = masked_decoding_bias(
            self.image_tokens, length, torch.device("cpu"), torch.float32
        )

    def extend(self, node: _Node | None, order: int) -> _Node:
        """Score the pattern that executes `order` after `node`'s."""
        key, order_in_key = self.model.key_of(order)
        states: dict[TaskName, tuple[Tensor, Tensor]] = {}
        scores = []
        for task, start in self.start.items():
            h, y = node.states[task] if node else (start, None)
            h = key(h, order_in_key, self.image_tokens, self.bias[task])
            r = self._read(task, h)
            y = r if y is None or self.model.config.readout == "last" else y + r
            states[task] = (h, y)
            scores.append(self._score(task, y))
        quality = sum(scores) / len(scores)
        before = node or _Node((), {}, ())
        return _Node((*before.executed, order), states, (*before.qualities, quality))

    def _read(self, task: TaskName, h: Tensor) -> Tensor:
        if task != "caption":
            return self.model.read_joint(h)
        return h[:, self.image_tokens + self.truths[task].shape[1] :]

    def _score(self, task: TaskName, y: Tensor) -> float:
        rows = y.view(-1, 2, *y.shape[1:]) if task == "reason" else y
        right = self.model.heads[task](rows).argmax(-1) == self.truths[task]
        return float(right[self.truths[task] >= 0].float().mean())


@torch.inference_mode()
def search(
    model: OtmvModel,
    examples: Stacked,
    mask_id: int,
    beam: int = BEAM,
    on_progress: Callable[[float], None] | None = None,
) -> Ladder:
    """Search the ladder of a tuned model.

    Args:
        model: in eval mode, on the CPU.
        examples: of the search split, for at least one of the model's tasks.
        mask_id: id of MASK.
        beam: patterns kept at each depth.
        on_progress: called with the share of depths done.
    """
    began_s = time.perf_counter()
    orders = model.config.orders
    tree = _Search(model, examples, mask_id)
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
