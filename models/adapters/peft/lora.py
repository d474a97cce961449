"""LoRA as peft saves it: a pair of matrices a linear, scales by patterns of names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from artifact.adapters.errors import InvalidAdapter, UnsupportedAdapter
from artifact.adapters.hooks import MODALITIES, Modality, Site, TableSize
from models.series import OtmvModel

_OTHER = "train it as plain LoRA, or convert it with peft"
_UNSUPPORTED = {
    "bias": "trained biases",
    "use_dora": "DoRA",
    "use_qalora": "QALoRA",
    "use_bdlora": "block-diagonal LoRA",
    "alora_invocation_tokens": "activated LoRA",
    "arrow_config": "Arrow routing",
    "layer_replication": "replicated layers",
    "trainable_token_indices": "trained token rows",
    "target_parameters": "LoRA on bare parameters",
    "megatron_config": "LoRA on Megatron's layers",
    "kasa_config": "KaSA",
    "monteclora_config": "MonteCLoRA",
}
"""Fields that make another method of LoRA, and what it is called."""
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""Initialisations that change the base's weights, too."""

_OWN = re.compile(r"keys\.(\d+)\.(qkv|out|fc1|fc2)\.([01])")
_RELEASED = re.compile(
    r"beit3\.encoder\.layers\.(\d+)\.(?:self_attn\.(q|k|v|out)_proj\.([AB])|ffn\.([AB])\.(fc1|fc2))"
)


@dataclass(frozen=True)
class _LinearPlace:
    """One linear of ours: its hook, modality, orders, and the rows of a fused matrix."""

    hook: str
    modality: Modality
    orders: tuple[int, ...]
    rows: slice


class LoraReader:
    """Reads LoRA's tensors of one folder.

    Args:
        folder: for errors.
        said: its config.
        model: the base.
    """

    def __init__(self, folder: Path, said: Mapping[str, Any], model: OtmvModel) -> None:
        self.folder, self.said, self.model = folder, said, model
        self.config = model.config
        for name, method in _UNSUPPORTED.items():
            if said.get(name) not in (None, False, "none", {}, []):
                raise UnsupportedAdapter(folder, f"{method} ({name})", _OTHER)
        start = str(said.get("init_lora_weights", "")).lower()
        if start.startswith(_CHANGES_BASE):
            problem = f"init_lora_weights {start!r}, which changes the base's weights"
            raise UnsupportedAdapter(folder, problem, _OTHER)

    def read(
        self, tensors: Mapping[str, Tensor]
    ) -> tuple[list[Site], dict[str, Tensor], dict[str, Tensor]]:
        """Return where it acts, its tables, and tensors that are not LoRA's.

        Raises:
            InvalidAdapter, UnsupportedAdapter: naming the module.
        """
        pairs, rest = self._pairs(tensors)
        sites, tables = self._placed(pairs)
        return sites, tables, rest

    def _pairs(
        self, tensors: Mapping[str, Tensor]
    ) -> tuple[dict[str, dict[str, Tensor]], dict[str, Tensor]]:
        pairs: dict[str, dict[str, Tensor]] = {}
        rest: dict[str, Tensor] = {}
        for name, tensor in tensors.items():
            module, found, part = name.partition(".lora_")
            if found:
                pairs.setdefault(module, {})[part] = tensor
            else:
                rest[name] = tensor
        for module, parts in pairs.items():
            known = {"A.weight", "B.weight"}
            if not known <= set(parts) <= {*known, "B.bias"}:
                odd = sorted(set(parts) ^ known)[0]
                problem = f"{module} has lora_{odd}, which is no part of a linear's LoRA"
                raise UnsupportedAdapter(self.folder, problem, _OTHER)
        return pairs, rest

    def _scale(self, module: str, rank: int) -> float:
        patterns = self.said.get("alpha_pattern") or {}
        alpha = self.said.get("lora_alpha", 8)
        for key, own in patterns.items():
            if re.match(rf"(.*\.)?({key})$", module):
                alpha = own
                break
        return float(alpha) / (rank**0.5 if self.said.get("use_rslora") else rank)

    def _places(self, module: str) -> Iterator[_LinearPlace]:
        config, width = self.config, self.config.width
        if own := _OWN.fullmatch(module):
            key, name, branch = int(own[1]), own[2], int(own[3])
            if key >= config.keys:
                return
            single = len(getattr(self.model.keys[key], name)) == 1
            if single and branch:
                return
            for modality in MODALITIES if single else (MODALITIES[branch],):
                for at, each in enumerate(("q", "k", "v") if name == "qkv" else (name,)):
                    rows = slice(at * width, (at + 1) * width) if name == "qkv" else slice(None)
                    yield _LinearPlace(f"block.{each}", modality, config.orders_of_key(key), rows)
        elif released := _RELEASED.fullmatch(module):
            order, name = int(released[1]), released[2] or released[5]
            if order < config.orders:
                modality = MODALITIES["AB".index(released[3] or released[4])]
                yield _LinearPlace(f"block.{name}", modality, (order,), slice(None))

    def _placed(
        self, pairs: Mapping[str, Mapping[str, Tensor]]
    ) -> tuple[list[Site], dict[str, Tensor]]:
        at: dict[tuple[str, Modality], dict[int, tuple[Tensor, Tensor, Tensor | None]]] = {}
        for module, parts in pairs.items():
            places = list(self._places(module))
            if not places:
                problem = f"LoRA on {module}, where an adapter has no tables"
                raise UnsupportedAdapter(self.folder, problem, "train it on other modules")
            down, up = parts["A.weight"].T, parts["B.weight"]
            scale = self._scale(module, down.shape[1])
            for place in places:
                bias = parts.get("B.bias")
                shift = None if bias is None else scale * bias[place.rows]
                for order in place.orders:
                    found = (down, scale * up[place.rows].T, shift)
                    at.setdefault((place.hook, place.modality), {})[order] = found
        sites: list[Site] = []
        tensors: dict[str, Tensor] = {}
        for (hook, modality), by_order in at.items():
            site = self._site(hook, modality, by_order)
            sites.append(site)
            tensors |= self._tables(site, by_order)
        return sites, tensors

    def _site(self, hook: str, modality: Modality, by_order: Mapping[int, Any]) -> Site:
        rank = max(down.shape[1] for down, _, _ in by_order.values())
        shifted = any(shift is not None for _, _, shift in by_order.values())
        parts = ("down", "up", "shift") if shifted else ("down", "up")
        return Site(hook, modality, parts, TableSize(rank))

    def _tables(
        self, site: Site, by_order: Mapping[int, tuple[Tensor, Tensor, Tensor | None]]
    ) -> dict[str, Tensor]:
        made = {part: torch.zeros(site.shape(part, self.config)) for part in site.parts}
        for order, (down, up, shift) in by_order.items():
            rank = down.shape[1]
            wanted = (made["down"].shape[1], made["up"].shape[2])
            if (down.shape[0], up.shape[1]) != wanted or up.shape[0] != rank:
                problem = f"tables of another shape than {site.hook} of this base has"
                raise InvalidAdapter(self.folder, problem, "name the base it adapts")
            made["down"][order, :, :rank], made["up"][order, :rank] = down, up
            if shift is not None:
                made["shift"][order] = shift
        return {site.name(part): table for part, table in made.items()}
