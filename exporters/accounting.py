"""Parameters and floating-point operations of a variant: unique and executed, reported apart."""

from __future__ import annotations

from torch import nn

from artifact.pattern import SkipPattern
from models.key_block import KeyBlock
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


def matrix_macs(module: nn.Module) -> int:
    """Return the multiply-adds of a module's linear layers for one token, each used once."""
    return sum(m.weight.numel() for m in module.modules() if isinstance(m, nn.Linear))


def block_flops(key: KeyBlock, tokens: int, keys: int) -> int:
    """Return the FLOPs (2 per multiply-add) of one block: `tokens` tokens that see `keys` keys.

    Counted from the block's own layers, adapters too. Each of its lists holds one module a
    modality, alike in size, and a token passes one of them.
    """
    lists = [child for child in key.children() if isinstance(child, nn.ModuleList)]
    matrices = sum(matrix_macs(of_modality[0]) for of_modality in lists)
    return 2 * tokens * (matrices + 2 * keys * key.shape.attention_width)


def vqa_flops(model: OtmvModel, pattern: SkipPattern, text_tokens: int) -> int:
    """Return the FLOPs of one question: patches, executed blocks, head."""
    return _row_flops(model, pattern, text_tokens) + 2 * matrix_macs(model.heads["vqa"])


def reason_flops(model: OtmvModel, pattern: SkipPattern, text_tokens: int) -> int:
    """Return the FLOPs of one statement: a row for each of its two pictures, and the head."""
    return 2 * _row_flops(model, pattern, text_tokens) + 2 * matrix_macs(model.heads["reason"])


def caption_image_flops(model: OtmvModel, pattern: SkipPattern, composed: bool) -> int:
    """Return the FLOPs of a caption's image pass.

    Only keys and values are kept of the last executed order. A whole variant computes no more of
    it; a composed one has its block as a stage and runs it to the end.
    """
    tokens = model.config.image_tokens
    keys = [model.key_of(order)[0] for order in pattern.executed]
    through = keys if composed else keys[:-1]
    blocks = sum(block_flops(key, tokens, tokens) for key in through)
    last = 0 if composed else 2 * tokens * matrix_macs(keys[-1].qkv[0])
    return _patch_flops(model) + blocks + last


def caption_flops(model: OtmvModel, pattern: SkipPattern, cached_tokens: int) -> int:
    """Return the FLOPs of one word of a caption, past the image pass."""
    keys = (model.key_of(order)[0] for order in pattern.executed)
    blocks = sum(block_flops(key, 2, cached_tokens + 2) for key in keys)
    return blocks + 2 * matrix_macs(model.heads["caption"])


def _row_flops(model: OtmvModel, pattern: SkipPattern, text_tokens: int) -> int:
    """Return the FLOPs of a picture and a text up to the head: patches and executed blocks."""
    tokens = model.config.image_tokens + text_tokens
    keys = (model.key_of(order)[0] for order in pattern.executed)
    return _patch_flops(model) + sum(block_flops(key, tokens, tokens) for key in keys)


def _patch_flops(model: OtmvModel) -> int:
    return 2 * (model.config.image_tokens - 1) * model.stem.patches.weight.numel()
