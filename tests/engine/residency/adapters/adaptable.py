"""A small artifact with room for adapters, adapters of it, and what its model gives with one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from artifact.adapters.folder import Adapter, write_adapter
from artifact.adapters.hook_tables import HookTables
from artifact.adapters.record import AdaptedBase, AdapterRecord
from artifact.config import ModelConfig
from artifact.store import Artifact
from artifact.task import VQA, TaskName
from exporters.adapted.forms import form_named
from exporters.export import ExportOptions, export
from models.adapters.hooked import attach, detach
from models.adapters.tables import ACTIVATIONS, Tables
from models.checkpoint import Checkpoint
from models.norms import IMAGE, Order
from models.series import OtmvModel
from tests.artifact.adapters.made_adapters import tables_at
from tuning.recipe import demo_config
from tuning.tokens import world_tokenizer
from tuning.world.vocabulary import ANSWERS

FORMS = ("lora:3", "lora:3+serial:4+adalink:2")
EVERYTHING = "linears:3+gated:4+parallel:4+shifts+adalink:2"
CHECKPOINT_SHA256 = "a" * 64


def adaptable_checkpoint(tasks: Sequence[TaskName] = (VQA.name,)) -> Checkpoint:
    """Return a model of 4 orders on one key, every parameter random."""
    torch.manual_seed(12)
    config = demo_config("adaptable", keys=2, width=32, heads=2)
    config = replace(config, key_of_order=(0, 0, 0, 0), tasks=tuple(tasks))
    model = OtmvModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return Checkpoint(model, world_tokenizer(), ANSWERS, CHECKPOINT_SHA256, {})


def write_adaptable(checkpoint: Checkpoint, out: Path, forms: Sequence[str] = FORMS) -> Artifact:
    """Export it, every depth a variant."""
    options = ExportOptions(whole="none", adapters=tuple(form_named(form) for form in forms))
    return export(checkpoint, out, None, options, lambda what, share: None)


def low_rank(rank: int = 3) -> tuple[HookTables, ...]:
    """Return low-rank products at queries and values."""
    return tables_at("block.q", "block.v", rank=rank)


def serial(rank: int = 4) -> tuple[HookTables, ...]:
    """Return bottlenecks behind both sub-layers, with all their shifts."""
    parts = ("down", "down_shift", "up", "shift")
    hooks = ("block.attention_output", "block.ffn_output")
    return tables_at(*hooks, rank=rank, parts=parts, activation="relu")


def gated(rank: int = 4) -> tuple[HookTables, ...]:
    """Return bottlenecks with gates behind the feed-forward."""
    parts = ("down", "up", "gate_down", "gate_up")
    return tables_at(
        "block.ffn_output", rank=rank, gate_rank=2, parts=parts, activation="gelu_tanh"
    )


def parallel(rank: int = 2) -> tuple[HookTables, ...]:
    """Return bottlenecks beside the feed-forward that carry what they read."""
    return tables_at("block.ffn_beside", rank=rank, activation="gelu", carry=0.5)


def shifts() -> tuple[HookTables, ...]:
    """Return other biases, of linears and of norms."""
    hooks = ("block.q", "block.fc1", "block.fc2", "block.ffn_norm", "block.inner_attention_norm")
    return tables_at(*hooks, rank=0, parts=("shift",))


def embeddings(rank: int = 2) -> tuple[HookTables, ...]:
    """Return AdaLink's products at both modalities' embeddings."""
    return tables_at("stem.image", "stem.text", rank=rank)


KINDS = (low_rank, serial, embeddings)

EIGHT = tuple(f"{kind.__name__}-{number}" for number in range(3) for kind in KINDS)[:8]
"""Names of eight adapters, of every kind."""

_SEEDS = itertools.count(100)


def write_one(
    out: Path,
    tables: Sequence[HookTables],
    config: ModelConfig,
    tasks: Sequence[TaskName] = (VQA.name,),
    checkpoint_sha256: str = CHECKPOINT_SHA256,
    **fields: object,
) -> Adapter:
    """Write an adapter with drawn tables into a folder that is called like it."""
    record = AdapterRecord.model_validate(
        {
            "name": out.name,
            "kind": "drawn",
            "base": AdaptedBase(name="adaptable", checkpoint_sha256=checkpoint_sha256),
            "config": config,
            "tasks": tuple(tasks),
            "tables": tuple(tables),
            "tuned_parameters": 1,
            **fields,
        }
    )
    rng = np.random.default_rng(next(_SEEDS))
    drawn = {
        name: (0.3 * rng.standard_normal(shape)).astype(np.float32)
        for name, shape in record.shapes().items()
    }
    return write_adapter(out, record, drawn)


@dataclass(frozen=True)
class OneAdapter:
    """The tables of one adapter, as the model looks them up."""

    adapter: Adapter

    def at(self, hook: str, modality: int | None, order: Order | None) -> Tables | None:
        named = None if modality is None else ("image" if modality == IMAGE else "text")
        for site in self.adapter.record.tables:
            if (site.hook, site.modality) == (hook, named):
                tensors = {part: self.adapter.tensors[site.site.name(part)] for part in site.parts}
                assert order is None or isinstance(order, int)
                parts = {
                    part: torch.from_numpy(x if order is None else x[order])
                    for part, x in tensors.items()
                }
                return Tables(parts, ACTIVATIONS[site.activation], site.carry)
        return None


@torch.inference_mode()
def model_logits(
    checkpoint: Checkpoint,
    adapter: Adapter | None,
    pixels: NDArray[np.uint8],
    tokens: Sequence[int],
    executed: Sequence[int],
) -> NDArray[np.float32]:
    """Return what the model itself says to a question, with one adapter attached or none."""
    model = checkpoint.model
    if adapter is not None:
        attach(model, OneAdapter(adapter))
    try:
        ids = torch.tensor([list(tokens)])
        found = model.answer(VQA, torch.from_numpy(pixels)[None], ids, None, executed)
    finally:
        detach(model)
    return found[0].numpy()
