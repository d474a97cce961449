"""Parameters and floating-point operations of a variant: unique and executed, reported apart."""

from __future__ import annotations

from artifact.config import ModelConfig
from artifact.pattern import SkipPattern
from models.series import OtmvModel


def parameters(model: OtmvModel, pattern: SkipPattern) -> tuple[int, int]:
    """Count a variant's parameters.

    Returns:
        `(unique, executed)`: stored once each, and unrolled over the executed orders. Both include
        stem and heads; a variant inside the first keys needs no later key.
    """
    outside = sum(p.numel() for p in [*model.stem.parameters(), *model.heads.parameters()])
    unique = executed = outside
    seen: set[int] = set()
    for order in pattern.executed:
        key, _ = model.key_of(order)
        shared = sum(p.numel() for name, p in key.named_parameters() if not _per_order(name))
        own = sum(p[0].numel() for name, p in key.named_parameters() if _per_order(name))
        executed += shared + own
        unique += own
        index = model.config.key_of_order[order]
        if index not in seen:
            seen.add(index)
            unique += shared
    return unique, executed


def _per_order(name: str) -> bool:
    return "norm" in name or name == "coefficient"


def block_flops(config: ModelConfig, tokens: int, keys: int) -> int:
    """Return the FLOPs (2 per multiply-add) of one block: `tokens` tokens that see `keys` keys."""
    projections = 4 * config.width * config.width + 2 * config.width * config.ffn_width
    return 2 * tokens * (projections + 2 * keys * config.width)


def vqa_flops(config: ModelConfig, pattern: SkipPattern, text_tokens: int) -> int:
    """Return the FLOPs of one question: patches, executed blocks, head."""
    head = 2 * (3 * config.width**2 + 2 * config.width * config.num_answers)
    return _row_flops(config, pattern, text_tokens) + head


def reason_flops(config: ModelConfig, pattern: SkipPattern, text_tokens: int) -> int:
    """Return the FLOPs of one statement: a row for each of its two pictures, and the head."""
    head = 2 * (8 * config.width**2 + 4 * config.width)
    return 2 * _row_flops(config, pattern, text_tokens) + head


def _row_flops(config: ModelConfig, pattern: SkipPattern, text_tokens: int) -> int:
    """Return the FLOPs of a picture and a text up to the head: patches and executed blocks."""
    tokens = config.image_tokens + text_tokens
    patches = 2 * (config.image_tokens - 1) * 3 * config.patch_size**2 * config.width
    return patches + pattern.depth * block_flops(config, tokens, tokens)


def caption_flops(config: ModelConfig, pattern: SkipPattern, cached_tokens: int) -> int:
    """Return the FLOPs of one word of a caption, past the image pass."""
    blocks = pattern.depth * block_flops(config, 2, cached_tokens + 2)
    return blocks + 2 * config.width * config.vocab_size
