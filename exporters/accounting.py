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
    if model.patches is not None:
        patches = model.patches.parameters_per_order * len(pattern.closed)
        unique, executed = unique + patches, executed + patches
    return unique, executed


def _per_order(name: str) -> bool:
    return "norm" in name or "beside" in name or name == "coefficient"


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
    besides = (key.attention_beside, key.ffn_beside)
    matrices += sum(each.macs_per_token for each in besides if each is not None)
    return 2 * tokens * (matrices + 2 * keys * key.shape.attention_width)


def row_flops(model: OtmvModel, pattern: SkipPattern, image_tokens: int, text_tokens: int) -> int:
    """Return the FLOPs of a picture and a text up to the head: patches and executed blocks."""
    tokens = image_tokens + text_tokens
    keys = (model.key_of(order)[0] for order in pattern.executed)
    blocks = sum(block_flops(key, tokens, tokens) for key in keys)
    if model.patches is not None:
        blocks += 2 * tokens * model.patches.macs_per_token * len(pattern.closed)
    return patch_flops(model, image_tokens) + blocks


def patch_flops(model: OtmvModel, image_tokens: int) -> int:
    """Return the FLOPs that turn a picture into that many tokens."""
    return 2 * (image_tokens - 1) * model.stem.patches.weight.numel()
