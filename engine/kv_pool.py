"""Where captions keep their keys and values: slot-major, one pair of arrays per order."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np

from artifact.config import ModelConfig
from engine.rows import Array


class SlotOwner(Protocol):
    """Who sits in slots. The pool changes `slots` when it moves them."""

    slots: list[int]

    @property
    def orders(self) -> Collection[int]:
        """The orders whose keys and values it has."""
        ...


class KvPool:
    """Keys and values of up to `slots` texts of `tokens` tokens, [slots, heads, tokens, e] fp32.

    Memory is touched, and so taken, only when a slot is first used. Not thread-safe.
    """

    def __init__(self, config: ModelConfig, slots: int, tokens: int) -> None:
        shape = (slots, config.heads, tokens, config.head_width)
        self.k = [np.zeros(shape, np.float32) for _ in range(config.orders)]
        self.v = [np.zeros(shape, np.float32) for _ in range(config.orders)]
        self.slots = slots
        self._image_tokens = config.image_tokens
        self._free = list(range(slots))
        self._owners: dict[int, SlotOwner] = {}

    @property
    def taken(self) -> int:
        """How many slots are taken."""
        return len(self._owners)

    def take(self, owner: SlotOwner, count: int = 1) -> None:
        """Give an owner more slots.

        Raises:
            ValueError: if there are not so many; admission counts them, so that never happens.
        """
        if count > len(self._free):
            raise ValueError(f"{count} slots wanted, {len(self._free)} of {self.slots} free")
        for _ in range(count):
            slot = heapq.heappop(self._free)
            self._owners[slot] = owner
            owner.slots.append(slot)

    def give(self, owner: SlotOwner) -> None:
        """Take all of an owner's slots back."""
        for slot in owner.slots:
            del self._owners[slot]
            heapq.heappush(self._free, slot)
        owner.slots.clear()

    def put_image(self, slot: int, order: int, k: Array, v: Array) -> None:
        """Store the picture's keys and values [heads, Nv, e]; nothing of an earlier text stays."""
        for store, part in ((self.k[order], k), (self.v[order], v)):
            store[slot, :, : self._image_tokens] = part
            store[slot, :, self._image_tokens :] = 0.0

    def share_image(self, owner: SlotOwner, orders: Collection[int]) -> None:
        """Copy the picture from an owner's first slot to its others."""
        first, *others = owner.slots
        for order in orders if others else ():
            for store in (self.k[order], self.v[order]):
                store[others] = store[first]

    def reorder(
        self, slots: Sequence[int], parents: Sequence[int], orders: Collection[int]
    ) -> None:
        """Let each slot go on from another slot's words; all have the same picture."""
        changed = [(s, p) for s, p in zip(slots, parents, strict=True) if s != p]
        if not changed:
            return
        into, source = (list(side) for side in zip(*changed, strict=True))
        for order in orders:
            for store in (self.k[order], self.v[order]):
                store[into, :, self._image_tokens :] = store[source, :, self._image_tokens :]

    def compact(self, owners: Sequence[SlotOwner]) -> None:
        """Move these owners to the first slots; who is in the way changes places with them."""
        wanted = [slot for owner in owners for slot in owner.slots]
        holes = sorted(set(range(len(wanted))).difference(wanted))
        beyond = [slot for slot in wanted if slot >= len(wanted)]
        for slot, hole in zip(beyond, holes, strict=True):
            self._swap(slot, hole)

    def _swap(self, one: int, other: int) -> None:
        here, there = self._owners.pop(one), self._owners.pop(other, None)
        for order in {*here.orders, *(there.orders if there is not None else ())}:
            for store in (self.k[order], self.v[order]):
                if there is None:
                    store[other] = store[one]
                else:
                    store[[one, other]] = store[[other, one]]
        here.slots[here.slots.index(one)] = other
        self._owners[other] = here
        if there is None:
            self._free[self._free.index(other)] = one
            heapq.heapify(self._free)
        else:
            there.slots[there.slots.index(other)] = one
            self._owners[one] = there
