"""What a released checkpoint holds: the names and shapes of its tensors.

The names come from `unilm/beit3` over torchscale: A is vision, B is language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from artifact.config import ModelConfig
from models.public.errors import MissingWeights, NotFinite, ShapeMismatch, UnexpectedWeights
from models.stem import POSITION_OFFSET
from models.tasks import make_heads
from models.tasks.head import Head

MODALITIES = ("A", "B")

IMAGE_POSITIONS = "beit3.encoder.embed_positions.A.weight"
STEM = {
    "stem.patches.weight": "beit3.vision_embed.proj.weight",
    "stem.patches.bias": "beit3.vision_embed.proj.bias",
    "stem.cls_token": "beit3.vision_embed.cls_token",
    "stem.words.weight": "beit3.text_embed.weight",
    "stem.image_positions.weight": IMAGE_POSITIONS,
    "stem.text_positions.weight": "beit3.encoder.embed_positions.B.weight",
}
NORMS = {
    "attention_norm": "self_attn_layer_norm.{}",
    "inner_attention_norm": "self_attn.inner_attn_ln.{}",
    "ffn_norm": "final_layer_norm.{}",
    "inner_ffn_norm": "ffn.{}.ffn_layernorm",
}
FINAL_NORMS = "beit3.encoder.layer_norm."
"""Where the final norms are: a checkpoint has both modalities' or none."""
_UNREAD = ("beit3.vision_embed.mask_token",)
"""Pretraining's image mask."""


def public_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Return every tensor that a released checkpoint of this config holds, with its shape."""
    width = config.width
    shapes: dict[str, tuple[int, ...]] = {
        "beit3.vision_embed.proj.weight": (width, 3, config.patch_size, config.patch_size),
        "beit3.vision_embed.proj.bias": (width,),
        "beit3.vision_embed.cls_token": (1, 1, width),
        "beit3.text_embed.weight": (config.vocab_size, width),
        IMAGE_POSITIONS: (config.image_tokens + POSITION_OFFSET, width),
        "beit3.encoder.embed_positions.B.weight": (
            config.max_text_positions + POSITION_OFFSET,
            width,
        ),
    }
    weights = dict(_block_weights(config))
    matrices_first = sorted(weights.items(), key=lambda named: len(named[1]), reverse=True)
    for name, shape in matrices_first:
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes | {public: shape for _, public, shape in head_tensors(config)}


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


def head_tensors(config: ModelConfig) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield our name, the released name and the shape of every tensor of the heads."""
    with torch.device("meta"):
        heads = make_heads(config)
    for task, head in heads.items():
        assert isinstance(head, Head)
        for name, tensor in head.state_dict().items():
            yield f"heads.{task}.{name}", head.released_name(name), tuple(tensor.shape)


def check(path: Path, state: Mapping[str, Tensor], config: ModelConfig) -> None:
    """Check that `state` holds exactly what `config` needs.

    Raises:
        MissingWeights, UnexpectedWeights, ShapeMismatch, NotFinite: it does not.
    """
    wanted = public_shapes(config)
    if missing := tuple(name for name in wanted if name not in state):
        raise MissingWeights(path, missing)
    # Where a head reads one modality's final norm, the other's is there and is not read.
    unread = (*_UNREAD, FINAL_NORMS) if any(n.startswith(FINAL_NORMS) for n in wanted) else _UNREAD
    found = (name for name in state if name not in wanted and not name.startswith(unread))
    if unexpected := tuple(found):
        raise UnexpectedWeights(path, unexpected)
    for name, shape in wanted.items():
        if tuple(state[name].shape) != shape:
            raise ShapeMismatch(path, name, tuple(state[name].shape), shape)
    if strange := tuple(name for name in wanted if not bool(state[name].isfinite().all())):
        raise NotFinite(path, strange)


def layer_name(layer: int, name: str) -> str:
    """Return the full name of something in a block."""
    return f"beit3.encoder.layers.{layer}.{name}"
