"""Adapters into weights: what is left is a plain model that computes the same (ADR 0031)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from artifact.adapters.errors import UnsupportedAdapter
from artifact.adapters.hooks import MODALITIES, HookKind, Site
from models.adapters.loaded import with_heads
from models.checkpoint import Checkpoint
from models.key_block import KeyBlock
from models.norms import IMAGE, OrderNorm
from models.series import OtmvModel

if TYPE_CHECKING:
    from artifact.adapters.folder import Adapter

_FUSED = ("q", "k", "v")
_SERVE = "serve it as an adapter"

MERGED, FOLDED = (HookKind.LINEAR, HookKind.NORM), (HookKind.STEM,)
"""Hooks whose tables can be added to weights of the blocks; to those of the stem."""


def into_weights(
    checkpoint: Checkpoint, adapter: Adapter, kinds: tuple[HookKind, ...]
) -> Checkpoint:
    """Return a plain checkpoint that computes what the adapted one computes.

    W becomes W + (down up)ᵀ, a bias is added to a bias; what changes embeddings goes into the
    tables of words and positions and into the patch projection, as E + E M = E (1 + M).

    Args:
        checkpoint: the base; it is copied.
        adapter: its tables must all be at hooks of `kinds`.
        kinds: `MERGED` or `FOLDED`.

    Raises:
        UnsupportedAdapter: its tables cannot be added to weights.
        ValueError: a head is not one of its task.
    """
    made, path = with_heads(checkpoint, adapter), Path(adapter.record.name)
    tensors = {name: torch.from_numpy(table.copy()) for name, table in adapter.tensors.items()}
    sites = [each.site for each in adapter.record.tables]
    for site in sites:
        if site.at.kind not in kinds or site.activation != "none":
            problem = f"tables at {site.hook} ({site.activation}) cannot go into these weights"
            raise UnsupportedAdapter(path, problem, _SERVE)
    if made.model.config.merged_feed_forward:
        _check_merged(sites, tensors, path)
    with torch.no_grad():
        for site in sites:
            parts = {part: tensors[site.name(part)] for part in site.parts}
            _INTO[site.at.kind](made.model, site, parts, path)
    return made


def _change(parts: Mapping[str, Tensor]) -> Tensor | None:
    """Return `down up`; None: there is only a shift."""
    return parts["down"] @ parts["up"] if "down" in parts else None


def _one(changes: Tensor, model: OtmvModel, key: int, path: Path, hook: str) -> Tensor:
    """Return what the orders of a key have together.

    Raises:
        UnsupportedAdapter: they differ.
    """
    first, *others = (changes[order] for order in model.config.orders_of_key(key))
    if any(not torch.equal(first, other) for other in others):
        problem = f"its tables at {hook} differ among the orders that share key {key}"
        fix = 'tune with share = "key", or serve it as an adapter'
        raise UnsupportedAdapter(path, problem, fix)
    return first


def _into_linears(model: OtmvModel, site: Site, parts: Mapping[str, Tensor], path: Path) -> None:
    name, change = site.at.within, _change(parts)
    modality = MODALITIES.index(site.modality or "image")
    for index, key in enumerate(model.keys):
        assert isinstance(key, KeyBlock)
        linears: nn.ModuleList = key.qkv if name in _FUSED else getattr(key, name)
        if len(linears) == 1 and modality != IMAGE:
            continue  # the image's tables are added: they are the same
        linear = linears[modality]
        assert isinstance(linear, nn.Linear)
        width = model.config.width
        at = _FUSED.index(name) * width if name in _FUSED else 0
        rows = slice(at, at + width) if name in _FUSED else slice(None)
        if change is not None:
            linear.weight[rows] += _one(change, model, index, path, site.hook).T
        if "shift" in parts:
            linear.bias[rows] += _one(parts["shift"], model, index, path, site.hook)


def _into_norms(model: OtmvModel, site: Site, parts: Mapping[str, Tensor], path: Path) -> None:
    modality = MODALITIES.index(site.modality or "image")
    for order in range(model.config.orders):
        key, at = model.key_of(order)
        norm = getattr(key, site.at.within)
        assert isinstance(norm, OrderNorm)
        for part, table in parts.items():
            getattr(norm, part)[at, modality] += table[order]


def _into_stem(model: OtmvModel, site: Site, parts: Mapping[str, Tensor], path: Path) -> None:
    stem, change = model.stem, _change(parts)
    if change is None:
        change = torch.zeros(model.config.width, model.config.width)
    if site.modality == "text":
        tables = [stem.text_positions.weight]
        stem.words.weight += stem.words.weight @ change
    else:
        of = dict(stem.named_parameters())
        tables = [table for name, table in of.items() if "image_positions." in name]
        stem.cls_token.add_(stem.cls_token @ change)
        of["patches.bias"].add_(of["patches.bias"] @ change)
        of["patches.weight"].add_(torch.einsum("o...,op->p...", of["patches.weight"], change))
    for positions in tables:
        positions += positions @ change
        if "shift" in parts:
            positions += parts["shift"]


_INTO: Mapping[HookKind, Callable[[OtmvModel, Site, Mapping[str, Tensor], Path], None]] = {
    HookKind.LINEAR: _into_linears,
    HookKind.NORM: _into_norms,
    HookKind.STEM: _into_stem,
}


def _check_merged(sites: list[Site], tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuse tables of one modality, or that differ, at a linear that both modalities share.

    Raises:
        UnsupportedAdapter: there are some.
    """
    there = {(site.hook, site.modality): site for site in sites}
    for site in sites:
        if site.hook not in ("block.fc1", "block.fc2"):
            continue
        other = there.get((site.hook, "text" if site.modality == "image" else "image"))
        same = other is not None and all(
            torch.equal(tensors[site.name(part)], tensors[other.name(part)]) for part in site.parts
        )
        if not same:
            problem = f"at {site.hook} image and text share weights, and its tables differ"
            raise UnsupportedAdapter(path, problem, "tune it unified, or serve it as an adapter")
