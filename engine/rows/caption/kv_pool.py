"""Keys and values of captions: slot-major, one pair of arrays per order and shape."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from artifact.config import ModelConfig
from artifact.task import CAPTION
from engine.backends.arrays import HOST, AnyArray, Array, Memory, move_rows, runs


@dataclass(eq=False, slots=True)
class Holding:
    """What one caption holds of the pool; made by it, and changed by it alone but for `stores`.

    `slots`: one for each of its texts, in the order of its beams; the pool changes them when it
    moves texts. `stores`: the pool's arrays in which it has keys and values.
    """

    slots: list[int] = field(default_factory=list)
    stores: list[AnyArray] = field(default_factory=list)


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
        self._image_tokens = config.image_tokens_of(CAPTION.name)
        self._stores: dict[tuple[str, int, int], AnyArray] = {}
        self._free = list(range(slots))
        self._holdings: dict[int, Holding] = {}

    def store(self, name: str, heads: int, width: int) -> AnyArray:
        """Return the store of that name, heads and head width; the same each time."""
        key = (name, heads, width)
        if key not in self._stores:
            shape = (self.slots, heads, self.tokens, width)
            self._stores[key] = self.memory.zeros(shape, np.float32)
        return self._stores[key]

    @property
    def taken(self) -> int:
        """How many slots are taken."""
        return len(self._holdings)

    def take(self, holding: Holding, count: int = 1) -> None:
        """Add slots to a holding.

        Raises:
            ValueError: if too few are free; admission counts them, so that never happens.
        """
        if count > len(self._free):
            raise ValueError(f"{count} slots wanted, {len(self._free)} of {self.slots} free")
        for _ in range(count):
            slot = heapq.heappop(self._free)
            self._holdings[slot] = holding
            holding.slots.append(slot)

    def free(self, holding: Holding) -> None:
        """Take all slots of a holding back."""
        for slot in holding.slots:
            del self._holdings[slot]
            heapq.heappush(self._free, slot)
        holding.slots.clear()

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

    def share_image(self, holding: Holding) -> None:
        """Copy the picture from a holding's first slot to its others."""
        first, *others = holding.slots
        for store in holding.stores if others else ():
            for other in others:
                store[other] = store[first]

    def reorder(self, holding: Holding, parents: Sequence[int]) -> None:
        """Let the text in each slot of a holding go on from the words in another, its parent."""
        pairs = zip(holding.slots, parents, strict=True)
        changed = [(slot, parent) for slot, parent in pairs if slot != parent]
        if not changed:
            return
        into, source = (list(side) for side in zip(*changed, strict=True))
        words = slice(self._image_tokens, None)
        for store in holding.stores:
            move_rows(store, into, source, (slice(None), words))

    def compact(self, holdings: Sequence[Holding]) -> None:
        """Move these holdings to the first slots; one that is in the way changes places."""
        wanted = [slot for holding in holdings for slot in holding.slots]
        holes = sorted(set(range(len(wanted))).difference(wanted))
        beyond = [slot for slot in wanted if slot >= len(wanted)]
        for slot, hole in zip(beyond, holes, strict=True):
            self._swap(slot, hole)

    def _swap(self, one: int, other: int) -> None:
        here, there = self._holdings.pop(one), self._holdings.pop(other, None)
        both = (*here.stores, *(there.stores if there is not None else ()))
        for store in {id(store): store for store in both}.values():
            if there is None:
                store[other] = store[one]
            else:
                move_rows(store, [one, other], [other, one])
        here.slots[here.slots.index(one)] = other
        self._holdings[other] = here
        if there is None:
            self._free[self._free.index(other)] = one
            heapq.heapify(self._free)
        else:
            there.slots[there.slots.index(other)] = one
            self._holdings[one] = there
