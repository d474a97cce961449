"""Where tables act in the model: at the hooks of its blocks and of its stem (ADR 0031)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from artifact.adapters.hooks import MODALITIES
from models.adapters.tables import Lookup, Tables
from models.norms import IMAGE, NormChange, Order, Parts, join, split

if TYPE_CHECKING:
    from models.stack import Stack

PREFIX, PROMPT = "block.prefix", "stem.prompt"


class BlockHooks:
    """The hooks of one key block.

    Args:
        lookup: where tables come from.
        first_order: the block's first order, over the whole stack.
    """

    def __init__(self, lookup: Lookup, first_order: int) -> None:
        self._lookup = lookup
        self._first_order = first_order

    def _at(self, name: str, modality: int | None, order: Order) -> Tables | None:
        return self._lookup.at(name, modality, order + self._first_order)

    def norm(self, name: str, order: Order) -> Mapping[int, NormChange]:
        """Return what is added to the scale and the shift of a norm, by modality."""
        found = {m: self._at(f"block.{name}", m, order) for m in range(len(MODALITIES))}
        return {
            m: (tables.parts.get("scale"), tables.parts.get("shift"))
            for m, tables in found.items()
            if tables is not None
        }

    def linear(
        self, names: tuple[str, ...], linears: nn.ModuleList, parts: Parts, order: Order
    ) -> Tensor:
        """Apply linears whose outputs lie behind one another, each with its tables.

        Args:
            names: of the linears that one matrix holds, such as q, k, v.
            linears: one for each modality, or one for both.
            parts: what they read.
            order: inside the key.

        Returns:
            `[batch, tokens, outputs]`.
        """
        named = [f"block.{name}" for name in names]
        acts = any(self._at(name, m, order) is not None for name in named for m in parts)
        if len(linears) == 1:
            whole: Tensor = linears[0](join(parts))
            if not acts:
                return whole
            outputs = split(whole, parts[IMAGE].shape[1] if IMAGE in parts else 0)
        else:
            outputs = {m: linears[m](x) for m, x in parts.items()}
        return join({m: self._adapted(names, m, x, outputs[m], order) for m, x in parts.items()})

    def _adapted(
        self, names: tuple[str, ...], m: int, x: Tensor, y: Tensor, order: Order
    ) -> Tensor:
        tables = [self._at(f"block.{name}", m, order) for name in names]
        if all(each is None for each in tables):
            return y
        added = [None if each is None else each.bottleneck(x) for each in tables]
        each_output = y.chunk(len(names), dim=-1)
        return torch.cat(
            [
                out if more is None else out + more
                for out, more in zip(each_output, added, strict=True)
            ],
            dim=-1,
        )

    def output(self, name: str, y: Tensor, h: Tensor, order: Order, image_tokens: int) -> Tensor:
        """Adapt what a sub-layer puts out, before it is added to the stream.

        Args:
            name: `attention` or `ffn`.
            y: what it puts out, `[batch, tokens, width]`.
            h: the stream that it read.
            order: inside the key.
            image_tokens: leading image tokens.
        """
        streams = split(h, image_tokens)
        named = (f"block.{name}_output", f"block.{name}_beside")
        if all(self._at(each, m, order) is None for each in named for m in streams):
            return y  # joining what was split would copy it
        return join(
            {
                m: self._output(name, m, x, streams[m], order)
                for m, x in split(y, image_tokens).items()
            }
        )

    def _output(self, name: str, m: int, y: Tensor, h: Tensor, order: Order) -> Tensor:
        behind = self._at(f"block.{name}_output", m, order)
        if behind is not None:
            added, gate = behind.bottleneck(y), behind.gate(h)
            y = y if added is None else y + added
            y = y if gate is None else y * gate
        beside = self._at(f"block.{name}_beside", m, order)
        if beside is not None:
            added = beside.bottleneck(h)
            y = y if added is None else y + added
            if isinstance(beside.carry, Tensor) or beside.carry:
                y = y + beside.carry * h
        return y

    def prefixed(self, k: Tensor, v: Tensor, order: Order) -> tuple[Tensor, Tensor]:
        """Put prefix rows before keys and values, `[batch, heads, tokens, head width]`."""
        tables = self._at(PREFIX, None, order)
        if tables is None:
            return k, v
        return _before(tables.parts["key"], k), _before(tables.parts["value"], v)


def _before(rows: Tensor, x: Tensor) -> Tensor:
    batch, heads, _, width = x.shape
    apart = rows.reshape(*rows.shape[:-1], heads, width).transpose(-3, -2)
    return torch.cat([apart.expand(batch, -1, -1, -1).to(x.dtype), x], dim=2)


class StemHooks:
    """The hooks of the stem.

    Args:
        lookup: where tables come from.
    """

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def embedded(self, modality: int, e: Tensor) -> Tensor:
        """Adapt embedded tokens of one modality, `[batch, tokens, width]`."""
        tables = self._lookup.at(f"stem.{MODALITIES[modality]}", modality, None)
        added = None if tables is None else tables.bottleneck(e)
        return e if added is None else e + added

    def prompt(self, e: Tensor) -> Tensor | None:
        """Return prompt rows for the batch of `e`, `[batch, rows, width]`; None: there are none."""
        tables = self._lookup.at(PROMPT, None, None)
        if tables is None:
            return None
        return tables.parts["rows"].expand(len(e), -1, -1).to(e.dtype)


def attach(model: Stack, lookup: Lookup) -> None:
    """Let tables act in a model; those of another adapter go."""
    model.stem.hooks = StemHooks(lookup)
    for index in range(model.config.keys):
        first = model.config.orders_of_key(index)[0]
        model.key_of(first)[0].hooks = BlockHooks(lookup, first)


def detach(model: Stack) -> None:
    """Make a model its base again."""
    model.stem.hooks = None
    for index in range(model.config.keys):
        model.key_of(model.config.orders_of_key(index)[0])[0].hooks = None
