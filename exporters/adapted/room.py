"""Room for adapters in a stage: the tables it takes as inputs, and each row's own of them.

A stage with room looks a row's tables up by two numbers, `adapter` and `order`, so that rows of
different adapters and depths share a batch. Row 0 of every table is that of no adapter: with zeros
everywhere, and a gate that is one, it changes no bit of a sum (ADR 0031).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from artifact.adapters.hooks import (
    HOOKS,
    MODALITIES,
    Activation,
    Hook,
    HookKind,
    TableSize,
    table_shape,
    tensor_name,
)
from artifact.config import ModelConfig
from artifact.manifest.adapted import AdapterCapacity
from exporters.stages import TensorShape
from models.key_block import AtLinear
from models.norms import IMAGE, TEXT, Factors, join, split

ADAPTERS_DRAWN = 3
"""Rows of the tables that parity is checked with; they are the size of symbol A there."""

_DRAWN_STD = 0.05

_ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "relu": torch.relu,
    "gelu": nn.functional.gelu,
    "gelu_tanh": lambda x: nn.functional.gelu(x, approximate="tanh"),
    "silu": nn.functional.silu,
}

Parts = tuple[int, ...]
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
    seen: Parts
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

    def rows(self, order: Tensor | None, given: Sequence[Tensor]) -> RowHooks | None:
        """Return what acts on each row.

        Args:
            order: of each row inside the key, `[batch]`; None in a stem.
            given: the stage's last inputs, those of `inputs`; none where it has no room.
        """
        if not given:
            return None
        adapter, *tables = given
        place = adapter if order is None else adapter * self.orders + order
        names = [name for name in self.inputs() if name != "adapter"]
        flat = [table if order is None else table.flatten(0, 1) for table in tables]
        return RowHooks(self.capacity, dict(zip(names, flat, strict=True)), place)


class RowHooks:
    """What the adapter of each row does at every hook; a `BlockHooks`.

    Args:
        capacity: of the form.
        tables: `[places, ...]` by name.
        place: of each row in every table, int64 `[batch]`.
    """

    def __init__(
        self, capacity: AdapterCapacity, tables: Mapping[str, Tensor], place: Tensor
    ) -> None:
        self._capacity = capacity
        self._tables = tables
        self._place = place

    def factors(self, hook: str) -> Factors | None:
        """Return what is added to a norm's scale and shift, each `[batch, 1, width]`."""
        if hook not in self._capacity.ranks:
            return None

        def added(modality: int) -> tuple[Tensor, Tensor]:
            scale, shift = (self._row(HOOKS[hook], modality, part) for part in ("scale", "shift"))
            return scale, shift

        return added

    def linear(self, *hooks: str) -> AtLinear | None:
        """Return what acts at linears that lie side by side in one."""
        if not self._capacity.ranks.keys() & set(hooks):
            return None

        def act(modality: int, x: Tensor, y: Tensor) -> Tensor:
            parts = y.chunk(len(hooks), dim=-1) if len(hooks) > 1 else (y,)
            pairs = zip(hooks, parts, strict=True)
            adapted = [self.added(hook, modality, x, part) for hook, part in pairs]
            return adapted[0] if len(adapted) == 1 else torch.cat(adapted, dim=-1)

        return act

    def sub_layer(self, name: str, y: Tensor, stream: Tensor, image_tokens: int) -> Tensor:
        """Act on a sub-layer's output, then beside it."""
        output, beside = f"block.{name}_output", f"block.{name}_beside"
        if not self._capacity.ranks.keys() & {output, beside}:
            return y
        before, made = split(stream, image_tokens), {}
        for modality, part in split(y, image_tokens).items():
            part = self.added(output, modality, part, part)
            part = self._gated(output, modality, before[modality], part)
            part = self.added(beside, modality, before[modality], part)
            if beside in self._capacity.ranks:
                carry = self._row(HOOKS[beside], modality, "carry")
                part = part + carry * before[modality]
            made[modality] = part
        return join(made)

    def added(self, hook: str, modality: int, x: Tensor, y: Tensor) -> Tensor:
        """Return y and what the bottleneck at a hook makes of x, `[batch, tokens, out]`."""
        if hook not in self._capacity.ranks:
            return y
        at = HOOKS[hook]
        if self._has(at, modality, "down"):
            y = y + self._through(at, modality, x, "")
        if self._has(at, modality, "shift"):
            y = y + self._row(at, modality, "shift")
        return y

    def _gated(self, hook: str, modality: int, x: Tensor, y: Tensor) -> Tensor:
        at = HOOKS[hook]
        if not self._has(at, modality, "gate_down"):
            return y
        gate = self._through(at, modality, x, "gate_") + self._row(at, modality, "gate_shift")
        return y * gate.sigmoid()

    def _through(self, hook: Hook, modality: int, x: Tensor, family: str) -> Tensor:
        """Go down, through the activation, and up again, without the last shift."""
        inner = x @ self._of(hook, modality, f"{family}down")
        if self._has(hook, modality, f"{family}down_shift"):
            inner = inner + self._row(hook, modality, f"{family}down_shift")
        inner = self._activated(hook, modality, inner)
        return inner @ self._of(hook, modality, f"{family}up")

    def _activated(self, hook: Hook, modality: int, x: Tensor) -> Tensor:
        """Apply each row's activation: where there are several, a row takes one times 1."""
        made = [_ACTIVATIONS[name](x) for name in self._capacity.activations_at(hook.name)]
        if len(made) == 1:
            return made[0]
        shares = self._row(hook, modality, "activation")
        weighted = [shares[..., i : i + 1] * each for i, each in enumerate(made)]
        return torch.stack(weighted).sum(0) if len(weighted) > 2 else weighted[0] + weighted[1]

    def _has(self, hook: Hook, modality: int, part: str) -> bool:
        return tensor_name(hook, MODALITIES[modality], part) in self._tables

    def _row(self, hook: Hook, modality: int, part: str) -> Tensor:
        """Return each row's vector of a table, for all of its tokens: `[batch, 1, width]`."""
        return self._of(hook, modality, part).unsqueeze(1)

    def _of(self, hook: Hook, modality: int, part: str) -> Tensor:
        table = self._tables[tensor_name(hook, MODALITIES[modality], part)]
        return table.index_select(0, self._place)


BOTH: Parts = (IMAGE, TEXT)
"""The tokens of a stage that sees a picture and a text."""
