"""Room for adapters in a stage: the tables it takes as inputs, and each row's own of them.

A stage with room looks a row's tables up by two numbers, `adapter` and `order`, so that rows of
different adapters and depths share a batch. Row 0 of every table is that of no adapter: with zeros
everywhere, and a gate that is one, it changes no bit of a sum (ADR 0031).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from artifact.adapters.hooks import (
    HOOKS,
    MODALITIES,
    Hook,
    HookKind,
    TableSize,
    table_shape,
    tensor_name,
)
from artifact.config import ModelConfig
from artifact.manifest.adapted import AdapterCapacity
from exporters.stages import TensorShape
from models.adapters.hooked import BlockHooks, StemHooks
from models.adapters.tables import ACTIVATIONS, Tables
from models.key_block import KeyBlock
from models.norms import IMAGE, TEXT, Order
from models.stem import Stem

ADAPTERS_DRAWN = 3
"""Rows of the tables that parity is checked with; they are the size of symbol A there."""

_DRAWN_STD = 0.05

Modalities = tuple[int, ...]
"""Modalities whose tokens a stage has, in the order of its tokens."""


@dataclass(frozen=True)
class Room:
    """What a stage takes of adapters.

    Args:
        capacity: of the form it belongs to.
        config: of the model.
        seen: modalities whose tokens the stage has.
        orders: of a block, how many orders its key has; of a stem, None.
    """

    capacity: AdapterCapacity
    config: ModelConfig
    seen: Modalities
    orders: int | None

    @property
    def hooks(self) -> tuple[Hook, ...]:
        """The hooks that this stage has."""
        blocks = self.orders is not None
        seen = {MODALITIES[modality] for modality in self.seen}
        named = (HOOKS[name] for name in HOOKS if name in self.capacity.ranks)
        return tuple(h for h in named if h.in_blocks == blocks and seen & set(h.modalities()))

    def inputs(self) -> dict[str, TensorShape]:
        """Return what it takes beside the plain stage's inputs; nothing where it has no hook."""
        tables = dict(self._tables())
        if not tables:
            return {}
        row = TensorShape(torch.int64, ("B",), below=ADAPTERS_DRAWN)
        return {"adapter": row, **tables}

    def _tables(self) -> Iterator[tuple[str, TensorShape]]:
        for hook in self.hooks:
            for modality in hook.modalities():
                if modality is None or MODALITIES.index(modality) not in self.seen:
                    continue
                for part, shape in self._shapes(hook).items():
                    name = tensor_name(hook, modality, part)
                    leading = ("A",) if self.orders is None else ("A", self.orders)
                    yield name, TensorShape(torch.float32, (*leading, *shape), std=_DRAWN_STD)

    def _shapes(self, hook: Hook) -> dict[str, tuple[int, ...]]:
        """Return the tables of one hook and modality, of one order."""
        capacity = self.capacity
        rank = capacity.ranks[hook.name]
        size = TableSize(rank, capacity.gate_ranks.get(hook.name, 0))
        wanted = [part for part in hook.parts if self._has(hook, part, size)]
        shapes = {part: table_shape(hook, part, self.config, size) for part in wanted}
        shapes = {part: shape[1:] if hook.in_blocks else shape for part, shape in shapes.items()}
        activations = capacity.activations_at(hook.name)
        if len(activations) > 1:
            shapes["activation"] = (len(activations),)
        if hook.kind == HookKind.BESIDE:
            shapes["carry"] = (1,)
        return shapes

    def _has(self, hook: Hook, part: str, size: TableSize) -> bool:
        if hook.kind == HookKind.NORM:
            return True
        if part.startswith("gate_"):
            return size.gate_rank > 0
        if part in ("shift", "down_shift") and hook.name not in self.capacity.shifted:
            return False
        return part == "shift" or size.rank > 0

    def lookup(self, order: Tensor | None, given: Sequence[Tensor]) -> RowTables | None:
        """Return each row's own tables.

        Args:
            order: of each row inside the key, `[batch]`; None in a stem.
            given: the stage's last inputs, those of `inputs`; none where it has no room.
        """
        if not given:
            return None
        adapter, *tables = given
        place = adapter
        if order is not None and self.orders is not None:
            place = adapter * self.orders + order
        names = [name for name in self.inputs() if name != "adapter"]
        flat = [table if order is None else table.flatten(0, 1) for table in tables]
        return RowTables(self.capacity, dict(zip(names, flat, strict=True)), place)


class RowTables:
    """The tables of each row of a batch, looked up in a stage's inputs; a `Lookup`.

    Args:
        capacity: of the form.
        tables: `[places, …]` by name.
        place: of each row in every table, int64 `[batch]`.
    """

    def __init__(
        self, capacity: AdapterCapacity, tables: Mapping[str, Tensor], place: Tensor
    ) -> None:
        self._capacity = capacity
        self._tables = tables
        self._place = place

    def at(self, hook: str, modality: int | None, order: Order | None) -> Tables | None:
        """Return the rows' tables at a hook; their order is in their places already."""
        if modality is None or hook not in self._capacity.ranks:
            return None
        prefix = tensor_name(HOOKS[hook], MODALITIES[modality], "")
        found = {
            name.removeprefix(prefix): table.index_select(0, self._place)
            for name, table in self._tables.items()
            if name.startswith(prefix)
        }
        if not found:
            return None
        parts = {part: x.unsqueeze(1) if x.ndim == 2 else x for part, x in found.items()}
        shares = parts.pop("activation", None)
        carry = parts.pop("carry", 0.0)
        return Tables(parts, partial(self._activated, hook, shares), carry)

    def _activated(self, hook: str, shares: Tensor | None, x: Tensor) -> Tensor:
        """Apply each row's activation: where there may be several, a row takes one times 1."""
        first, *more = (ACTIVATIONS[name](x) for name in self._capacity.activations_at(hook))
        if shares is None:
            return first
        mixed = shares[..., :1] * first
        for place, each in enumerate(more, 1):
            mixed = mixed + shares[..., place : place + 1] * each
        return mixed


@contextmanager
def attached(owner: KeyBlock | Stem, lookup: RowTables | None) -> Iterator[None]:
    """Let rows' tables act in a block or the stem while a stage runs or is traced."""
    if lookup is not None:
        if isinstance(owner, KeyBlock):
            owner.hooks = BlockHooks(lookup, 0)
        else:
            owner.hooks = StemHooks(lookup)
    try:
        yield
    finally:
        owner.hooks = None


BOTH: Modalities = (IMAGE, TEXT)
"""The tokens of a stage that sees a picture and a text."""
