"""What a released checkpoint holds: the names and shapes of its tensors.

The names come from `unilm/beit3` over torchscale: A is vision, B is language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from artifact.config import ModelConfig
from models.public.errors import MissingWeights, ShapeMismatch, UnexpectedWeights
from models.stem import POSITION_OFFSET
from models.tasks import HEADS, make_heads

MODALITIES = ("A", "B")

STEM = {
    "stem.patches.weight": "beit3.vision_embed.proj.weight",
    "stem.patches.bias": "beit3.vision_embed.proj.bias",
    "stem.cls_token": "beit3.vision_embed.cls_token",
    "stem.words.weight": "beit3.text_embed.weight",
    "stem.image_positions.weight": "beit3.encoder.embed_positions.A.weight",
    "stem.text_positions.weight": "beit3.encoder.embed_positions.B.weight",
}
NORMS = {
    "attention_norm": "self_attn_layer_norm.{}",
    "inner_attention_norm": "self_attn.inner_attn_ln.{}",
    "ffn_norm": "final_layer_norm.{}",
    "inner_ffn_norm": "ffn.{}.ffn_layernorm",
}
_UNREAD = ("beit3.vision_embed.mask_token", "beit3.encoder.layer_norm.")
"""Pretraining's image mask, and final norms of tokens that no head here reads."""


def public_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Return every tensor that a released checkpoint of this config holds, with its shape."""
    width = config.width
    shapes: dict[str, tuple[int, ...]] = {
        "beit3.vision_embed.proj.weight": (width, 3, config.patch_size, config.patch_size),
        "beit3.vision_embed.proj.bias": (width,),
        "beit3.vision_embed.cls_token": (1, 1, width),
        "beit3.text_embed.weight": (config.vocab_size, width),
        "beit3.encoder.embed_positions.A.weight": (config.image_tokens + POSITION_OFFSET, width),
        "beit3.encoder.embed_positions.B.weight": (
            config.max_text_positions + POSITION_OFFSET,
            width,
        ),
    }
    weights = dict(chain(_block_weights(config), _head_weights(config)))
    matrices_first = sorted(weights.items(), key=lambda named: len(named[1]), reverse=True)
    for name, shape in matrices_first:
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes


def _block_weights(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield every linear and norm of the blocks, with its weight's shape."""
    width, ffn = config.width, config.ffn_width
    for layer in range(config.orders):
        for m in MODALITIES:
            for projection in ("q", "k", "v", "out"):
                yield layer_name(layer, f"self_attn.{projection}_proj.{m}"), (width, width)
            yield layer_name(layer, f"ffn.{m}.fc1"), (ffn, width)
            yield layer_name(layer, f"ffn.{m}.fc2"), (width, ffn)
            for ours, public in NORMS.items():
                inside = ffn if ours == "inner_ffn_norm" else width
                yield layer_name(layer, public.format(m)), (inside,)


def _head_weights(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield every linear and norm of the heads, with its weight's shape."""
    with torch.device("meta"):
        state = make_heads(config).state_dict()
    for ours, public in head_names(config):
        yield public, tuple(state[f"{ours}.weight"].shape)


def head_names(config: ModelConfig) -> Iterator[tuple[str, str]]:
    """Yield our name and the released name of every linear and norm of the heads."""
    for task, head in HEADS.items():
        if task in config.tasks:
            for ours, public in head.released.items():
                yield f"{task}.{ours}", public


def check(path: Path, state: Mapping[str, Tensor], config: ModelConfig) -> None:
    """Check that `state` holds exactly what `config` needs.

    Raises:
        MissingWeights, UnexpectedWeights, ShapeMismatch: it does not.
    """
    wanted = public_shapes(config)
    if missing := tuple(name for name in wanted if name not in state):
        raise MissingWeights(path, missing)
    unread = (name for name in state if name not in wanted and not name.startswith(_UNREAD))
    if unexpected := tuple(unread):
        raise UnexpectedWeights(path, unexpected)
    for name, shape in wanted.items():
        if tuple(state[name].shape) != shape:
            raise ShapeMismatch(path, name, tuple(state[name].shape), shape)


def layer_name(layer: int, name: str) -> str:
    """Return the full name of something in a block."""
    return f"beit3.encoder.layers.{layer}.{name}"
