"""Blocks cut from other blocks: prefixes of heads and neurons, and runs that share one key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from artifact.config import ModelConfig
from models.key_block import BlockShape, KeyBlock
from models.norms import IMAGE, TEXT
from models.once_tuning.merge import elementwise_mean


def holding(block: KeyBlock, state: Mapping[str, Tensor]) -> KeyBlock:
    """Return a block made on the meta device with these tensors in it; it may hold others too.

    Raises:
        ValueError: a tensor has no place in the block.
    """
    lost = block.load_state_dict(state, strict=False, assign=True).unexpected_keys
    if lost:
        raise ValueError(f"a block without a place for {', '.join(lost)}")
    return block


def sliced(block: KeyBlock, config: ModelConfig, shape: BlockShape) -> KeyBlock:
    """Return the block with only its first heads, entries of a head, and neurons.

    Slicing methods sort them by importance first and then take a prefix; sorting changes which
    weights lie there, not the structure. The slices are matrices of their own, not masks.

    Args:
        block: of one order, feed-forward not merged.
        config: shape of the model.
        shape: at most the block's own in every part; the block itself comes back if it is its own.
    """
    if shape == block.shape:
        return block
    with torch.device("meta"):
        made = KeyBlock(config, 1, shape)
    state = {name: _cut(name, t, block.shape, shape) for name, t in block.state_dict().items()}
    return holding(made, state)


def _cut(name: str, tensor: Tensor, old: BlockShape, new: BlockShape) -> Tensor:
    """Cut one tensor of a block; what has neither heads nor neurons is left whole."""
    module, kind = name.split(".")[0], name.split(".")[-1]
    per_head = (old.heads, old.head_width)
    if module == "qkv":
        heads = tensor.view(3, *per_head, *tensor.shape[1:])
        return heads[:, : new.heads, : new.head_width].flatten(0, 2).contiguous()
    if module == "inner_attention_norm" or (module == "out" and kind == "weight"):
        heads = tensor.view(*tensor.shape[:-1], *per_head)
        return heads[..., : new.heads, : new.head_width].flatten(-2).contiguous()
    if module == "fc1":
        return tensor[: new.ffn_width].contiguous()
    if module == "inner_ffn_norm" or (module == "fc2" and kind == "weight"):
        return tensor[..., : new.ffn_width].contiguous()
    return tensor


def merged_keys(blocks: Sequence[KeyBlock], config: ModelConfig) -> Iterator[KeyBlock]:
    """Let runs of blocks share one key: the first block's matrices, each block's own norms.

    The feed-forward of vision and language becomes their elementwise mean (supplement, eq. 4).

    Args:
        blocks: one for each order, of one order each, feed-forward not merged.
        config: of the result; `key_of_order` says which orders share.
    """
    for key in range(config.keys):
        run = [blocks[order] for order in config.orders_of_key(key)]
        with torch.device("meta"):
            made = KeyBlock(config, len(run))
        yield holding(made, dict(_shared(run)))


def _shared(run: Sequence[KeyBlock]) -> Iterator[tuple[str, Tensor]]:
    states = [block.state_dict() for block in run]
    for name, tensor in states[0].items():
        module, branch = name.split(".")[:2] if "." in name else (name, "")
        if module in ("qkv", "out"):
            yield name, tensor
        elif module in ("fc1", "fc2"):
            if branch == str(IMAGE):
                other = name.replace(f".{IMAGE}.", f".{TEXT}.")
                yield name, elementwise_mean(tensor, states[0][other])
        else:
            yield name, torch.cat([state[name] for state in states])
