"""Folders that Hugging Face's peft wrote, as adapters (ADR 0031): LoRA, prefix and prompt tuning.

Modules are found under our own names (`keys.0.qkv.1`), with tables for every order of that key, and
under a released BEiT-3's (`beit3.encoder.layers.3.self_attn.q_proj.A`), with tables for that order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from artifact.adapters.errors import InvalidAdapter, PickledAdapter, UnsupportedAdapter
from artifact.adapters.hooks import Site, TableSize
from artifact.config import ModelConfig
from artifact.errors import MissingFile
from models.adapters.peft.heads import saved_heads
from models.adapters.peft.lora import LoraReader
from models.series import OtmvModel

if TYPE_CHECKING:
    from artifact.adapters.folder import Table
    from artifact.adapters.hook_tables import HookTables
    from artifact.adapters.record import AdapterHead

CONFIG, TENSORS, PICKLED = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
_PREFIX = "base_model.model."


@dataclass(frozen=True)
class PeftAdapter:
    """What a folder of peft's holds, in our form.

    Attributes:
        kind: the method.
        tables: where it acts.
        heads: of `modules_to_save`.
        tensors: of both, by their names in files.
        note: what the folder says of itself.
        tuned_parameters: numbers that the folder holds.
    """

    kind: str
    tables: tuple[HookTables, ...]
    heads: dict[str, AdapterHead]
    tensors: dict[str, Table]
    note: dict[str, str | int | float]
    tuned_parameters: int


def read_peft(folder: Path, model: OtmvModel, labels: tuple[str, ...] | None = None) -> PeftAdapter:
    """Read a folder.

    Args:
        folder: with `adapter_config.json` and `adapter_model.safetensors`.
        model: the base.
        labels: what the logits of a saved head say, where they are not the base's answers.

    Raises:
        MissingFile, PickledAdapter, InvalidAdapter: it cannot be read.
        UnsupportedAdapter: it is of a kind that has no tables here; the error names it.
    """
    from artifact.adapters.hook_tables import HookTables

    said = _config(folder)
    tensors = {name.removeprefix(_PREFIX): table for name, table in _tensors(folder).items()}
    kind, tuned = str(said.get("peft_type")), sum(table.numel() for table in tensors.values())
    if kind == "LORA":
        sites, tables, rest = LoraReader(folder, said, model).read(tensors)
        heads, saved = saved_heads(folder, rest, model, labels)
        found = {name: _numpy(table) for name, table in {**tables, **saved}.items()}
        return PeftAdapter(
            "lora", tuple(map(HookTables.of, sites)), heads, found, _note(said), tuned
        )
    rows = {"PREFIX_TUNING": _prefix, "PROMPT_TUNING": _prompt}
    if kind not in rows:
        there = ", ".join(("LORA", *rows))
        raise UnsupportedAdapter(folder / CONFIG, f"peft_type {kind!r}", f"only {there} are read")
    if set(tensors) != {"prompt_embeddings"}:
        raise InvalidAdapter(folder / TENSORS, "not one tensor, prompt_embeddings", "save it again")
    site, named = rows[kind](folder, tensors["prompt_embeddings"], model.config)
    found = {site.name(part): _numpy(table) for part, table in named.items()}
    return PeftAdapter(
        kind.split("_")[0].lower(), (HookTables.of(site),), {}, found, _note(said), tuned
    )


def _config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.is_file():
        raise MissingFile(folder, f"no {CONFIG} here", "give the folder that peft saved")
    try:
        said = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidAdapter(path, f"not JSON: {error}", "save it again") from error
    if not isinstance(said, dict):
        raise InvalidAdapter(path, "no object", "save it again")
    return said


def _tensors(folder: Path) -> dict[str, Tensor]:
    path = folder / TENSORS
    if not path.is_file():
        if (folder / PICKLED).is_file():
            fix = "save it with safe_serialization=True"
            raise PickledAdapter(folder / PICKLED, "pickled files are not read", fix)
        raise MissingFile(path, "the adapter's tensors are not there", "save it again")
    try:
        found = load(path.read_bytes())
    except (SafetensorError, ValueError, KeyError) as error:
        raise InvalidAdapter(path, f"no safetensors file: {error}", "save it again") from error
    for name, tensor in found.items():
        if not tensor.is_floating_point() or not bool(tensor.isfinite().all()):
            raise InvalidAdapter(path, f"{name} is not of finite numbers", "save it again")
    return {name: tensor.float() for name, tensor in found.items()}


def _prefix(folder: Path, rows: Tensor, config: ModelConfig) -> tuple[Site, dict[str, Tensor]]:
    """Part `[p, 2 · K · D]`: keys and values of each order behind one another."""
    wanted = 2 * config.orders * config.width
    if rows.ndim != 2 or rows.shape[1] != wanted:
        problem = f"rows of {list(rows.shape[1:])} numbers, for this base they have {wanted}"
        raise InvalidAdapter(folder / TENSORS, problem, "name the base it was trained on")
    apart = rows.view(len(rows), config.orders, 2, config.width).permute(2, 1, 0, 3)
    site = Site("block.prefix", None, ("key", "value"), TableSize(len(rows)))
    return site, {"key": apart[0], "value": apart[1]}


def _prompt(folder: Path, rows: Tensor, config: ModelConfig) -> tuple[Site, dict[str, Tensor]]:
    if rows.ndim != 2 or rows.shape[1] != config.width:
        problem = f"rows of {list(rows.shape[1:])} numbers, for this base they have {config.width}"
        raise InvalidAdapter(folder / TENSORS, problem, "name the base it was trained on")
    return Site("stem.prompt", None, ("rows",), TableSize(len(rows))), {"rows": rows}


def _note(said: dict[str, Any]) -> dict[str, str | int | float]:
    """Return what its config says, as far as it is numbers and names."""
    kept = ("peft_type", "r", "lora_alpha", "use_rslora", "num_virtual_tokens", "peft_version")
    found = {name: said[name] for name in kept if isinstance(said.get(name), str | int | float)}
    return {"imported from": "peft", **found}


def _numpy(tensor: Tensor) -> Table:
    made: Table = np.ascontiguousarray(tensor.numpy())
    return made
