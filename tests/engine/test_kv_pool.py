"""The pool of keys and values against a naive one: a dict of arrays for each text."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from engine.kv_pool import KvPool
from tests.engine.tiny_model import HEAD_WIDTH, HEADS, NV, Array, tiny_config

CONFIG = tiny_config()
SLOTS, TOKENS = 7, NV + 4
ORDERS = range(CONFIG.orders)
PICTURE = (HEADS, NV, HEAD_WIDTH)
Cache = dict[tuple[str, int], Array]
"""("k" or "v", order) to [heads, tokens, e]: what one text should read."""


@dataclass(eq=False)
class Text:
    """An owner, and what each of its slots should hold."""

    orders: Collection[int]
    slots: list[int] = field(default_factory=list)
    holds: list[Cache] = field(default_factory=list)


class Pools(RuleBasedStateMachine):
    """Captions come, see a picture, get beams, write words, change places and leave.

    Who leaves poisons all slots of his with NaN first: nobody after him may ever read that.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pool = KvPool(CONFIG, SLOTS, TOKENS)
        self.texts: list[Text] = []
        self.count = 0.0

    def fresh(self, shape: tuple[int, ...]) -> Array:
        self.count += 1
        return np.full(shape, self.count, np.float32) + np.random.default_rng(0).random(
            shape, np.float32
        )

    @rule(orders=st.sets(st.sampled_from(ORDERS), min_size=1), beams=st.integers(1, 3))
    def come(self, orders: set[int], beams: int) -> None:
        text = Text(tuple(orders))
        if self.free < beams:
            with pytest.raises(ValueError, match="slots wanted"):
                self.pool.take(text, beams)
            assert text.slots == []
            return
        self.pool.take(text)
        image: Cache = {}
        for order in text.orders:
            k, v = self.fresh(PICTURE), self.fresh(PICTURE)
            self.pool.put_image(text.slots[0], order, k, v)
            for name, part in (("k", k), ("v", v)):
                image[name, order] = np.zeros((HEADS, TOKENS, HEAD_WIDTH), np.float32)
                image[name, order][:, :NV] = part
        self.pool.take(text, beams - 1)
        self.pool.share_image(text, text.orders)
        text.holds = [{key: array.copy() for key, array in image.items()} for _ in range(beams)]
        self.texts.append(text)

    @precondition(lambda self: self.texts)
    @rule(data=st.data(), token=st.integers(NV, TOKENS - 1))
    def write(self, data: st.DataObject, token: int) -> None:
        """A decode pass puts one token of every beam and order."""
        text = data.draw(st.sampled_from(self.texts))
        for slot, hold in zip(text.slots, text.holds, strict=True):
            for (name, order), array in hold.items():
                store = self.pool.k if name == "k" else self.pool.v
                word = self.fresh((HEADS, HEAD_WIDTH))
                store[order][slot, :, token] = word
                array[:, token] = word

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def follow(self, data: st.DataObject) -> None:
        text = data.draw(st.sampled_from(self.texts))
        beams = range(len(text.slots))
        parents = [data.draw(st.sampled_from(beams)) for _ in beams]
        self.pool.reorder(text.slots, [text.slots[beam] for beam in parents], text.orders)
        text.holds = [{k: a.copy() for k, a in text.holds[beam].items()} for beam in parents]

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def compact(self, data: st.DataObject) -> None:
        chosen = data.draw(st.permutations(self.texts))
        chosen = chosen[: data.draw(st.integers(0, len(chosen)))]
        self.pool.compact(chosen)
        slots = [slot for text in chosen for slot in text.slots]
        assert sorted(slots) == list(range(len(slots)))

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        text = data.draw(st.sampled_from(self.texts))
        for store in (*self.pool.k, *self.pool.v):
            store[text.slots] = np.nan
        self.pool.give(text)
        assert text.slots == []
        self.pool.give(text)  # who has none gives none
        self.texts.remove(text)

    @property
    def free(self) -> int:
        return SLOTS - sum(len(text.slots) for text in self.texts)

    @invariant()
    def every_text_reads_its_own(self) -> None:
        for text in self.texts:
            for slot, hold in zip(text.slots, text.holds, strict=True):
                for (name, order), wanted in hold.items():
                    store = self.pool.k if name == "k" else self.pool.v
                    np.testing.assert_array_equal(store[order][slot], wanted)

    @invariant()
    def no_slot_has_two_owners(self) -> None:
        taken = [slot for text in self.texts for slot in text.slots]
        assert len(set(taken)) == len(taken) == self.pool.taken == SLOTS - self.free
        assert set(taken) <= set(range(SLOTS))


Pools.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestPools = Pools.TestCase


def test_all_slots_come_back_whatever_was_moved() -> None:
    pool = KvPool(CONFIG, SLOTS, TOKENS)
    texts = [Text(ORDERS) for _ in range(3)]
    for text, beams in zip(texts, (2, 3, 2), strict=True):
        pool.take(text, beams)
    pool.compact([texts[2], texts[1]])
    for text in (texts[1], texts[0], texts[2]):
        pool.give(text)
    assert pool.taken == 0
    everything = Text(ORDERS)
    pool.take(everything, SLOTS)
    assert sorted(everything.slots) == list(range(SLOTS))


def test_a_picture_wipes_the_words_of_who_was_there() -> None:
    pool = KvPool(CONFIG, 1, TOKENS)
    for store in (*pool.k, *pool.v):
        store[...] = np.nan
    pool.put_image(0, 1, np.ones(PICTURE, np.float32), np.ones(PICTURE, np.float32))
    for store in (pool.k[1], pool.v[1]):
        assert (store[0, :, :NV] == 1).all()
        assert (store[0, :, NV:] == 0).all()


def test_beams_change_places_at_once_and_not_one_after_the_other() -> None:
    pool = KvPool(CONFIG, 3, TOKENS)
    text = Text((0,))
    pool.take(text, 3)
    for slot in text.slots:
        pool.k[0][slot, :, NV:] = slot
        pool.k[0][slot, :, :NV] = 9
    pool.reorder(text.slots, [text.slots[beam] for beam in (1, 2, 0)], (0,))
    assert [pool.k[0][slot, 0, NV, 0] for slot in text.slots] == [1, 2, 0]
    assert (pool.k[0][:, :, :NV] == 9).all()
