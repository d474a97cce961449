"""Small adapters with seeded tables, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from artifact.adapters.folder import Table
from artifact.adapters.hook_tables import HookTables
from artifact.adapters.hooks import HOOKS
from artifact.adapters.record import AdaptedBase, AdapterRecord
from artifact.config import ModelConfig
from artifact.task import CAPTION, VQA

CHECKPOINT = "c" * 64

CONFIG = ModelConfig(
    name="small",
    image_size=8,
    patch_size=4,
    width=6,
    heads=2,
    ffn_width=10,
    vocab_size=12,
    max_text_positions=8,
    key_of_order=(0, 0, 1),
    merged_feed_forward=True,
    readout="series",
    skip_probability=0.1,
    num_answers=3,
    tasks=(VQA.name, CAPTION.name),
)


def tables_at(
    *hooks: str, rank: int = 2, parts: Sequence[str] = ("down", "up"), **fields: Any
) -> tuple[HookTables, ...]:
    """Return entries with the same parts at some hooks, for each modality there."""
    return tuple(
        HookTables(hook=hook, modality=modality, parts=tuple(parts), rank=rank, **fields)
        for hook in hooks
        for modality in HOOKS[hook].modalities()
    )


def a_record(tables: Sequence[HookTables] = (), **fields: Any) -> AdapterRecord:
    """Return a record; low-rank products at queries and values if no tables are given."""
    made = {
        "name": "pets",
        "kind": "lora",
        "base": AdaptedBase(name="small", checkpoint_sha256=CHECKPOINT),
        "config": CONFIG,
        "tasks": (VQA.name,),
        "tables": tuple(tables) or tables_at("block.q", "block.v"),
        "tuned_parameters": 7,
    }
    return AdapterRecord.model_validate({**made, **fields})


def drawn(record: AdapterRecord, seed: int = 0) -> dict[str, Table]:
    """Draw every tensor of a record."""
    chance = np.random.default_rng(seed)
    return {
        name: chance.standard_normal(shape).astype(np.float32)
        for name, shape in record.shapes().items()
    }
