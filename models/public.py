"""Public weights in: released, fine-tuned BEiT-3 checkpoints as OTMV models.

The names are those of `unilm/beit3` over torchscale: A is vision, B is language. With one key an
order, nothing merged and readout "last", the converted model computes what the checkpoint computed.
With fewer keys it is where once-tuning starts: each order keeps the norms of the block it stands
for, each key takes the matrices of the first block of its run, coefficients are 1.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from artifact.config import ModelConfig
from artifact.errors import ArtifactError
from models.merge import Choose, Merge, elementwise_mean, first_block
from models.series import OtmvModel
from models.stem import POSITION_OFFSET

MODALITIES = ("A", "B")

_STEM = {
    "stem.patches.weight": "beit3.vision_embed.proj.weight",
    "stem.patches.bias": "beit3.vision_embed.proj.bias",
    "stem.cls_token": "beit3.vision_embed.cls_token",
    "stem.words.weight": "beit3.text_embed.weight",
    "stem.image_positions.weight": "beit3.encoder.embed_positions.A.weight",
    "stem.text_positions.weight": "beit3.encoder.embed_positions.B.weight",
}
_HEADS = {
    "vqa": {
        "pooler_norm": "pooler.norm",
        "pooler": "pooler.dense",
        "hidden": "head.0",
        "hidden_norm": "head.1",
        "answers": "head.3",
    },
    "caption": {"final_norm": "beit3.encoder.layer_norm.B", "words": "mlm_head"},
    "reason": {
        "final_norm_image": "beit3.encoder.layer_norm.A",
        "final_norm_text": "beit3.encoder.layer_norm.B",
        "pair_norm": "head.norm1",
        "hidden": "head.dense1",
        "hidden_norm": "head.norm2",
        "truth": "head.dense2",
    },
}
_NORMS = {
    "attention_norm": "self_attn_layer_norm.{}",
    "inner_attention_norm": "self_attn.inner_attn_ln.{}",
    "ffn_norm": "final_layer_norm.{}",
    "inner_ffn_norm": "ffn.{}.ffn_layernorm",
}
_UNREAD = ("beit3.vision_embed.mask_token", "beit3.encoder.layer_norm.")
"""Pretraining's image mask, and final norms of tokens that no head here reads."""


class PublicWeightsError(ArtifactError):
    """A public checkpoint cannot become the model asked for; `str()` is one line."""


class UnreadableWeights(PublicWeightsError):
    """The file is missing, of another kind, or holds more than tensors."""


class MissingWeights(PublicWeightsError):
    """The checkpoint lacks tensors that the config needs; `names` lists them."""

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self.names = names
        fix = "choose the checkpoint's own size and tasks in the config"
        super().__init__(path, f"missing {_some(names)}", fix)


class UnexpectedWeights(PublicWeightsError):
    """The checkpoint holds tensors that the config has no place for; `names` lists them."""

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self.names = names
        fix = "choose the checkpoint's own size and tasks in the config"
        super().__init__(path, f"unexpected {_some(names)}", fix)


class ShapeMismatch(PublicWeightsError):
    """A tensor has another shape than the config's; `name`, `found` and `wanted` say which."""

    def __init__(
        self, path: Path, name: str, found: tuple[int, ...], wanted: tuple[int, ...]
    ) -> None:
        self.name, self.found, self.wanted = name, found, wanted
        fix = "choose the checkpoint's own image size, widths, words and answers in the config"
        super().__init__(path, f"{name} is {list(found)}, the config wants {list(wanted)}", fix)


def from_public(
    path: Path,
    config: ModelConfig,
    merge: Merge = elementwise_mean,
    choose: Choose = first_block,
) -> OtmvModel:
    """Read a released checkpoint as an OTMV model.

    Args:
        path: `.safetensors`, or `.pth` with the tensors under "model" (nothing else is unpickled).
        config: shape of the model; as many orders as the checkpoint has blocks.
        merge: merges vision's and language's feed-forward where the config asks for it.
        choose: makes a key's matrices of those of the blocks in its run.

    Returns:
        The model in eval mode, fp32, on the CPU.

    Raises:
        UnreadableWeights: `path` is no file of tensors.
        MissingWeights, UnexpectedWeights, ShapeMismatch: it is not a checkpoint of this config.
    """
    state = read_public(path)
    check(path, state, config)
    with torch.device("meta"):
        model = OtmvModel(config)
    model.load_state_dict(dict(_converted(state, config, merge, choose)), assign=True)
    return model.eval()


def read_public(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a `.safetensors` or `.pth` file, as fp32 on the CPU.

    Raises:
        UnreadableWeights: it is missing, of another kind, or holds more than tensors.
    """
    if not path.is_file():
        raise UnreadableWeights(path, "no such file", "download a fine-tuned beit3_* checkpoint")
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        elif path.suffix == ".pth":
            state = torch.load(path, map_location="cpu", weights_only=True)["model"]
        else:
            raise UnreadableWeights(
                path, f"cannot read {path.suffix or 'a file without suffix'}", "use .safetensors"
            )
        return {name: tensor.float() for name, tensor in state.items()}
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, OSError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableWeights(path, f"no tensors ({reason})", "download it again") from error
    except (KeyError, TypeError, AttributeError) as error:
        fix = "save the tensors as .safetensors"
        raise UnreadableWeights(path, 'no tensors under "model"', fix) from error


def public_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Return every tensor that a released checkpoint of this config holds, with its shape."""
    width, ffn = config.width, config.ffn_width
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
    linears: dict[str, tuple[int, int]] = {}
    norms: dict[str, int] = {}
    for layer in range(config.orders):
        for m in MODALITIES:
            for projection in ("q", "k", "v", "out"):
                linears[_layer(layer, f"self_attn.{projection}_proj.{m}")] = (width, width)
            linears[_layer(layer, f"ffn.{m}.fc1")] = (ffn, width)
            linears[_layer(layer, f"ffn.{m}.fc2")] = (width, ffn)
            for name, public in _NORMS.items():
                norms[_layer(layer, public.format(m))] = ffn if name == "inner_ffn_norm" else width
    if "vqa" in config.tasks:
        norms |= {"pooler.norm": width, "head.1": 2 * width}
        linears |= {"pooler.dense": (width, width), "head.0": (2 * width, width)}
        linears["head.3"] = (config.num_answers, 2 * width)
    if "caption" in config.tasks:
        norms["beit3.encoder.layer_norm.B"] = width
        linears["mlm_head"] = (config.vocab_size, width)
    if "reason" in config.tasks:
        norms |= {"beit3.encoder.layer_norm.A": width, "beit3.encoder.layer_norm.B": width}
        norms |= {"head.norm1": 4 * width, "head.norm2": 2 * width}
        linears |= {"head.dense1": (2 * width, 4 * width), "head.dense2": (2, 2 * width)}
    for name, (rows, columns) in linears.items():
        shapes |= {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}
    for name, wide in norms.items():
        shapes |= {f"{name}.weight": (wide,), f"{name}.bias": (wide,)}
    return shapes


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


def _converted(
    state: Mapping[str, Tensor], config: ModelConfig, merge: Merge, choose: Choose
) -> Iterator[tuple[str, Tensor]]:
    """Yield our state dict."""
    for ours, public in _STEM.items():
        yield ours, state[public]
    for task in config.tasks:
        for ours, public in _HEADS[task].items():
            for kind in ("weight", "bias"):
                yield f"heads.{task}.{ours}.{kind}", state[f"{public}.{kind}"]
    for key in range(config.keys):
        run = config.orders_of_key(key)
        for ours, public in _NORMS.items():
            for kind, table in (("weight", "scale"), ("bias", "shift")):
                both = [f"{public.format(m)}.{kind}" for m in MODALITIES]
                rows = [state[_layer(k, name)] for k in run for name in both]
                yield f"keys.{key}.{ours}.{table}", torch.stack(rows).view(len(run), 2, -1)
        yield f"keys.{key}.coefficient", torch.ones(len(run))
        for ours, tensor in _matrices(state, config, run, merge, choose):
            yield f"keys.{key}.{ours}", tensor


def _matrices(
    state: Mapping[str, Tensor],
    config: ModelConfig,
    run: tuple[int, ...],
    merge: Merge,
    choose: Choose,
) -> Iterator[tuple[str, Tensor]]:
    """Yield the matrices and biases of one key, made of the blocks of its run."""

    def chosen(name: str) -> Tensor:
        return choose([state[_layer(k, name)] for k in run])

    for kind in ("weight", "bias"):
        for index, m in enumerate(MODALITIES):
            qkv = [chosen(f"self_attn.{p}_proj.{m}.{kind}") for p in ("q", "k", "v")]
            yield f"qkv.{index}.{kind}", torch.cat(qkv)
            yield f"out.{index}.{kind}", chosen(f"self_attn.out_proj.{m}.{kind}")
        for linear in ("fc1", "fc2"):
            both = [chosen(f"ffn.{m}.{linear}.{kind}") for m in MODALITIES]
            merged = [merge(*both)] if config.merged_feed_forward else both
            for index, tensor in enumerate(merged):
                yield f"{linear}.{index}.{kind}", tensor


def _layer(layer: int, name: str) -> str:
    return f"beit3.encoder.layers.{layer}.{name}"


def _some(names: tuple[str, ...]) -> str:
    """Name the first three and count the rest."""
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest
