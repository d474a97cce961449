"""Released, fine-tuned BEiT-3 checkpoints as OTMV models.

With one key an order, nothing merged and readout "last", the converted model computes what the
checkpoint computed. With fewer keys it is where once-tuning starts: each order keeps the norms of
the block it stands for, each key takes the matrices of the first block of its run, coefficients
are 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from artifact.config import ModelConfig
from models.once_tuning.merge import Choose, Merge, elementwise_mean, first_block
from models.public.layout import MODALITIES, NORMS, STEM, check, head_tensors, layer_name
from models.public.reading import read_public
from models.series import OtmvModel


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
        choose: makes a key's matrices from the matrices of the blocks in its run.

    Returns:
        The model in eval mode, fp32, on the CPU.

    Raises:
        UnreadableWeights: `path` is no file of tensors.
        MissingWeights, UnexpectedWeights, ShapeMismatch, NotFinite: it is not a checkpoint of this
            config.
    """
    return from_tensors(path, read_public(path), config, merge, choose)


def from_tensors(
    path: Path,
    state: Mapping[str, Tensor],
    config: ModelConfig,
    merge: Merge = elementwise_mean,
    choose: Choose = first_block,
) -> OtmvModel:
    """Make an OTMV model of a released checkpoint's tensors; see `from_public`.

    Args:
        path: the file they are from, for errors.
        state: fp32, under their released names.
        config, merge, choose: as of `from_public`.

    Raises:
        MissingWeights, UnexpectedWeights, ShapeMismatch, NotFinite: they are not a checkpoint of
            this config.
    """
    check(path, state, config)
    with torch.device("meta"):
        model = OtmvModel(config)
    model.load_state_dict(dict(_converted(state, config, merge, choose)), assign=True)
    return model.eval()


def _converted(
    state: Mapping[str, Tensor], config: ModelConfig, merge: Merge, choose: Choose
) -> Iterator[tuple[str, Tensor]]:
    """Yield our state dict."""
    for ours, public in STEM.items():
        yield ours, state[public]
    for ours, public, _ in head_tensors(config):
        yield ours, state[public]
    for key in range(config.keys):
        run = config.orders_of_key(key)
        for ours, public in NORMS.items():
            for kind, table in (("weight", "scale"), ("bias", "shift")):
                both = [f"{public.format(m)}.{kind}" for m in MODALITIES]
                rows = [state[layer_name(k, name)] for k in run for name in both]
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
        return choose([state[layer_name(k, name)] for k in run])

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
