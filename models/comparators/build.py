"""Build a method's model from the seeded weights of the fully fine-tuned one (ADR 0022)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from artifact.config import ModelConfig
from artifact.pattern import SkipPattern
from models.comparators import settings
from models.comparators.adapters import ADAPTERS, add_lora, merge_lora
from models.comparators.methods import METHODS, Method
from models.comparators.slices import merged_keys, sliced
from models.key_block import KeyBlock
from models.series import OtmvModel


@dataclass(frozen=True)
class Comparator:
    """A method's model, ready to run.

    Attributes:
        method: which.
        model: in eval mode, with random seeded weights; its config may differ from the base's.
        pattern: the orders it executes, over the base's stack.
    """

    method: Method
    model: OtmvModel
    pattern: SkipPattern


def build(method: str, base: ModelConfig, seed: int = 0) -> Comparator:
    """Return a method's model.

    Tensors that a method leaves alone equal the tensors of `full` with that seed, byte by byte.

    Args:
        method: an id of `METHODS`.
        base: what is fine-tuned: one key an order, nothing merged, readout "last"
            (`beit3_config` without keys).
        seed: of the base's weights and of what a method adds.

    Raises:
        ValueError: there is no such method, or `base` shares weights already.
    """
    if method not in METHODS:
        raise ValueError(f"no method {method!r}; there are {', '.join(METHODS)}")
    if base.keys != base.orders or base.merged_feed_forward or base.readout != "last":
        raise ValueError("a method is built from a model that shares nothing: give no keys")
    pattern = settings.executed(method, base)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        own = settings.student(base) if method == "distillvlm" else base
        model = _changed(method, OtmvModel(own))
    return Comparator(METHODS[method], model.eval(), pattern)


def _changed(method: str, model: OtmvModel) -> OtmvModel:
    """Change the base's model into the method's; what is added is drawn from torch's generator."""
    config = model.config
    if method in ADAPTERS:
        adapt = ADAPTERS[method]
        model.keys = nn.ModuleList(adapt(block, config) for block in _blocks(model))
    elif method in ("lora", "loraunmerged"):
        for block in _blocks(model):
            (merge_lora if method == "lora" else add_lora)(block)
    elif method in ("otmv", "literal"):
        model.config = settings.series_config(method, config)
        model.keys = nn.ModuleList(merged_keys(list(_blocks(model)), model.config))
    else:
        shapes = settings.shapes(method, config)
        pairs = zip(_blocks(model), shapes, strict=True)
        model.keys = nn.ModuleList(sliced(block, config, shape) for block, shape in pairs)
    return model


def _blocks(model: OtmvModel) -> Iterator[KeyBlock]:
    for block in model.keys:
        assert isinstance(block, KeyBlock)
        yield block
