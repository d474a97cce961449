"""Where captions keep their keys and values: slot-major, one pair of arrays per order and shape."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from artifact.config import ModelConfig
from engine.backends.arrays import HOST, AnyArray, Array, Memory, move_rows, runs


class SlotOwner(Protocol):
    """Who sits in slots. The pool changes `slots` when it moves them."""

    slots: list[int]

    @property
    def stores(self) -> Iterable[AnyArray]:
        """The arrays of the pool in which it has keys and values."""
        ...


class KvPool:
    """Keys and values of up to `slots` texts of `tokens` tokens.

    They lie in *stores* [slots, heads, tokens, e] fp32: `k.o` and `v.o` for each order o. Variants
    whose order has the same heads share its stores: a slot has one text, of one variant. They lie
    in the backend's memory (ADR 0023); the host's is touched, and so taken, only when a slot of a
    store is first used. Not thread-safe.
    """

    def __init__(self, config: ModelConfig, slots: int, tokens: int, memory: Memory = HOST) -> None:
        self.memory = memory
        self.slots = slots
        self.tokens = tokens
        self._image_tokens = config.image_tokens
        self._stores: dict[tuple[str, int, int], AnyArray] = {}
        self._free = list(range(slots))
        self._owners: dict[int, SlotOwner] = {}

    def store(self, name: str, heads: int, width: int) -> AnyArray:
        """Return the store of that name for so many heads of that width; the same each time."""
        key = (name, heads, width)
        if key not in self._stores:
            shape = (self.slots, heads, self.tokens, width)
            self._stores[key] = self.memory.zeros(shape, np.float32)
        return self._stores[key]

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

    def put_image(self, slot: int, store: AnyArray, part: AnyArray) -> None:
        """Keep the picture's keys or values [heads, Nv, e]; nothing of an earlier text stays.

        Raises:
            ValueError: if they are not of the store's heads.
        """
        heads, _, width = store.shape[1:]
        if part.shape != (heads, self._image_tokens, width):
            raise ValueError(f"{part.shape} keys or values for {heads} heads of width {width}")
        store[slot, :, : self._image_tokens] = part
        store[slot, :, self._image_tokens :] = 0.0

    def put_words(
        self, slots: Sequence[int], places: Array, store: AnyArray, new: AnyArray
    ) -> None:
        """Keep a token of each of these slots, from `new` [slots, heads, 1, e], at its place."""
        if isinstance(store, np.ndarray) and isinstance(new, np.ndarray):
            store[slots, :, places] = new[slots, :, 0]
            return
        for begin, end in runs(slots, places):
            part = slice(slots[begin], slots[end - 1] + 1)
            store[part, :, int(places[begin])] = new[part, :, 0]

    def share_image(self, owner: SlotOwner) -> None:
        """Copy the picture from an owner's first slot to its others."""
        first, *others = owner.slots
        for store in owner.stores if others else ():
            for other in others:
                store[other] = store[first]

    def reorder(self, owner: SlotOwner, parents: Sequence[int]) -> None:
        """Let the text in each of an owner's slots go on from the words in another, its parent."""
        pairs = zip(owner.slots, parents, strict=True)
        changed = [(slot, parent) for slot, parent in pairs if slot != parent]
        if not changed:
            return
        into, source = (list(side) for side in zip(*changed, strict=True))
        words = slice(self._image_tokens, None)
        for store in owner.stores:
            move_rows(store, into, source, (slice(None), words))

    def compact(self, owners: Sequence[SlotOwner]) -> None:
        """Move these owners to the first slots; who is in the way changes places with them."""
        wanted = [slot for owner in owners for slot in owner.slots]
        holes = sorted(set(range(len(wanted))).difference(wanted))
        beyond = [slot for slot in wanted if slot >= len(wanted)]
        for slot, hole in zip(beyond, holes, strict=True):
            self._swap(slot, hole)

    def _swap(self, one: int, other: int) -> None:
        here, there = self._owners.pop(one), self._owners.pop(other, None)
        both = (*here.stores, *(there.stores if there is not None else ()))
        for store in {id(store): store for store in both}.values():
            if there is None:
                store[other] = store[one]
            else:
                move_rows(store, [one, other], [other, one])
        here.slots[here.slots.index(one)] = other
        self._owners[other] = here
        if there is None:
            self._free[self._free.index(other)] = one
            heapq.heapify(self._free)
        else:
            there.slots[there.slots.index(other)] = one
            self._owners[one] = there
