"""Adapters with drawn tables, for measuring what they cost, not what they answer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from artifact.adapters.folder import RECORD_NAME, TENSORS_NAME, write_adapter
from artifact.adapters.hook_tables import HookTables
from artifact.adapters.hooks import HOOKS
from artifact.adapters.record import AdaptedBase, AdapterRecord
from artifact.store import Artifact

_LOW_RANK, _SHIFTED = ("down", "up"), ("down", "down_shift", "up", "shift")

METHODS: dict[str, tuple[int, tuple[str, ...], tuple[str, ...]]] = {
    "adalink": (64, ("stem.image", "stem.text"), _LOW_RANK),
    "lora": (16, ("block.q", "block.v"), _LOW_RANK),
    "serial": (64, ("block.attention_output", "block.ffn_output"), _SHIFTED),
}
"""Of each method its rank, its hooks and its tables there."""


def write_adapters(artifact: Artifact, folder: Path, method: str, count: int) -> Sequence[Path]:
    """Write adapters of one method, all with the same tables, and return their folders."""
    first = folder / f"{method}-0"
    if not first.is_dir():
        _write(artifact, first, method)
    made = [folder / f"{method}-{number}" for number in range(count)]
    text = (first / RECORD_NAME).read_text("utf-8")
    for each in made[1:]:
        if not each.is_dir():
            each.mkdir(parents=True)
            os.link(first / TENSORS_NAME, each / TENSORS_NAME)
            (each / RECORD_NAME).write_text(text.replace(first.name, each.name, 1), "utf-8")
    return made


def _write(artifact: Artifact, out: Path, method: str) -> None:
    rank, hooks, parts = METHODS[method]
    record = AdapterRecord(
        name=out.name,
        kind=method,
        base=AdaptedBase(name=artifact.manifest.name, artifact_hash=artifact.hash),
        config=artifact.manifest.config,
        tasks=artifact.manifest.tasks,
        tables=tuple(
            HookTables(
                hook=hook,
                modality=modality,
                parts=parts,
                rank=rank,
                activation="relu" if parts == _SHIFTED else "none",
            )
            for hook in hooks
            for modality in HOOKS[hook].modalities()
        ),
        tuned_parameters=0,
    )
    rng = np.random.default_rng(0)
    tables = {
        name: np.float32(0.02) * rng.standard_normal(shape, np.float32)
        for name, shape in record.shapes().items()
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    write_adapter(out, record, tables)
