"""How large each method's parts are: executed orders, and the inside of each layer (ADR 0022).

Pure arithmetic. Settings that the authors do not state were solved so that the FLOPs of BEiT-3
Large on VQA fall by the ratio that Table 4 reports; the same rules then serve every size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from artifact.config import ModelConfig
from artifact.pattern import SkipPattern
from models.key_block import BlockShape
from models.presets import spread_keys

PAPER_TOKENS = 965
"""Tokens of BEiT-3's VQA: 901 of a picture of 480 px, 64 of text. Settings are solved for it."""

ADAPTER_WIDTH, LORA_RANK, LORA_ALPHA = 64, 128, 32
"""PET-Adapter's bottleneck; LoRA as in vision-language work (alpha changes weights only)."""

VLPET_RANK, VLPET_HEADS = 96, 4
"""VL-PET-large's bottleneck, also its gate's, and in how many heads it goes down."""

DEPTH_KEPT, LAYERS_HALVED, KEPT = Fraction(19, 24), Fraction(10, 24), Fraction(4, 5)
"""Once-for-All's share of the depth, MatFormer's of halved layers, Flextron's of everything."""

DISTILLVLM_RATIO, UPOP_RATIO = 1.16, 1.21
"""Table 4's VQA column, which these two are solved for."""

UPOP_SPREAD = 0.2
"""UPop's first layer keeps this much more than its mean, its last layer as much less. Ours."""

OTMV_EXECUTED = Fraction(14, 24)
"""Share of the orders that `otmv` executes (ADR 0010)."""


def layer_macs(width: int, shape: BlockShape, tokens: int = PAPER_TOKENS) -> int:
    """Return the multiply-adds of one layer for each token, when `tokens` attend to each other."""
    mixed = shape.attention_width
    return 4 * width * mixed + 2 * width * shape.ffn_width + 2 * tokens * mixed


def neurons(base: ModelConfig, share: float) -> int:
    """Return that share of the feed-forward, in 64ths of it and at least one of them."""
    step = max(base.ffn_width // 64, 1)
    return min(max(round(share * base.ffn_width / step), 1) * step, base.ffn_width)


def executed(method: str, base: ModelConfig) -> SkipPattern:
    """Return the orders that a method executes."""
    orders = range(base.orders)
    if method == "onceforall":
        return SkipPattern.full(base.orders).prefix(math.ceil(DEPTH_KEPT * base.orders))
    if method == "efficientvlm":
        return SkipPattern(tuple(k for k in orders if k % 3 != 2), base.orders)
    if method == "otmv":
        return _over_all_keys(base.orders)
    return SkipPattern.full(base.orders)


def _over_all_keys(orders: int) -> SkipPattern:
    """Execute the first order of every key, and both of as many keys as the share leaves."""
    firsts = range(0, orders, 2)
    twice = max(round(OTMV_EXECUTED * orders) - len(firsts), 0)
    second = {firsts[index * len(firsts) // twice] + 1 for index in range(twice)}
    return SkipPattern(tuple(sorted({*firsts, *second})), orders)


def shapes(method: str, base: ModelConfig) -> tuple[BlockShape, ...]:
    """Return the inside of every layer, executed or not, of a method that slices."""
    own = BlockShape.of(base)
    every = base.orders
    if method == "onceforall":
        return (_once_for_all(base),) * every
    if method == "matformer":
        halved = round(LAYERS_HALVED * every)
        half = BlockShape(own.heads, own.head_width, neurons(base, 0.5))
        return (half,) * halved + (own,) * (every - halved)
    if method == "flextron":
        heads = max(round(KEPT * own.heads), 1)
        return (BlockShape(heads, own.head_width, neurons(base, float(KEPT))),) * every
    if method == "upop":
        return _upop(base)
    return (own,) * every


def _once_for_all(base: ModelConfig) -> BlockShape:
    """Narrow the feed-forward until the executed layers cost 19/24 of all."""
    own, depth = BlockShape.of(base), executed("onceforall", base).depth
    wanted = layer_macs(base.width, own) * DEPTH_KEPT * base.orders / depth
    spare = float(layer_macs(base.width, own) - wanted) / (2 * base.width)
    share = 1 - spare / own.ffn_width
    return BlockShape(own.heads, own.head_width, neurons(base, share))


def _upop(base: ModelConfig) -> tuple[BlockShape, ...]:
    """Bisect the mean share kept until all layers cost 1/1.21 of the base's."""
    wanted = base.orders * layer_macs(base.width, BlockShape.of(base)) / UPOP_RATIO
    low, high = 0.0, 1.0
    for _ in range(30):
        mean = (low + high) / 2
        if sum(layer_macs(base.width, shape) for shape in _sloped(base, mean)) > wanted:
            high = mean
        else:
            low = mean
    return _sloped(base, low)


def _sloped(base: ModelConfig, mean: float) -> tuple[BlockShape, ...]:
    """Keep a share that falls evenly over the depth; head width in 8ths."""
    last, step = max(base.orders - 1, 1), max(base.head_width // 8, 1)
    found: Sequence[float] = [
        min(mean + UPOP_SPREAD * (1 - 2 * k / last), 1.0) for k in range(base.orders)
    ]
    return tuple(
        BlockShape(
            base.heads,
            max(round(share * base.head_width / step), 1) * step,
            neurons(base, share),
        )
        for share in found
    )


def student(base: ModelConfig) -> ModelConfig:
    """Return DistillVLM's student: fewer heads of the same width, all widths follow."""
    heads = base.heads - max(round(base.heads / 16), 1)
    width = heads * base.head_width
    wanted = layer_macs(base.width, BlockShape.of(base)) / DISTILLVLM_RATIO
    left = wanted - layer_macs(width, BlockShape(heads, base.head_width, 0))
    ffn = neurons(base, left / (2 * width * base.ffn_width))
    return replace(base, width=width, heads=heads, ffn_width=ffn)


def series_config(method: str, base: ModelConfig) -> ModelConfig:
    """Return the config of `otmv` (two orders a key) or `literal` (one key).

    Raises:
        ValueError: the orders are odd and `otmv` cannot pair them.
    """
    keys = 1 if method == "literal" else base.orders // 2
    return replace(
        base,
        key_of_order=spread_keys(base.orders, keys),
        merged_feed_forward=True,
        readout="series",
    )
