"""The pool of keys and values against a naive one: a dict of arrays for each text."""

from __future__ import annotations

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

from engine.backends.arrays import HOST, AnyArray, Memory
from engine.rows.caption.kv_pool import KvPool
from tests.engine.artifacts.tiny_model import HEAD_WIDTH, HEADS, NV, Array, tiny_config
from tests.engine.backends.remote_memory import RemoteMemory, look, put

CONFIG = tiny_config()
SLOTS, TOKENS = 7, NV + 4
ORDERS = range(CONFIG.orders)
Heads = tuple[int, int]
"""How many heads, and their width."""
SHAPES: list[Heads] = [(HEADS, HEAD_WIDTH), (4, 1), (1, 3)]
Cache = dict[str, Array]
"""A store's name to [heads, tokens, e]: what one text should read."""


@dataclass(eq=False)
class Text:
    """A text, and what each of its slots should hold; each of its orders has heads of its own."""

    heads: dict[int, Heads]
    slots: list[int] = field(default_factory=list)
    holds: list[Cache] = field(default_factory=list)
    kept: dict[str, AnyArray] = field(default_factory=dict)

    @property
    def stores(self) -> list[AnyArray]:
        return list(self.kept.values())

    @property
    def names(self) -> list[tuple[str, Heads]]:
        return [(f"{side}.{k}", heads) for k, heads in self.heads.items() for side in "kv"]


def same_heads(orders: range | tuple[int, ...] = ORDERS) -> Text:
    return Text({order: (HEADS, HEAD_WIDTH) for order in orders})


class PoolAgainstDicts(RuleBasedStateMachine):
    """Captions come, see a picture, get beams, write words, change places and leave.

    A text that leaves fills its slots with NaN first: no text after it may ever read that.
    """

    memory: Memory = HOST

    def __init__(self) -> None:
        super().__init__()
        self.pool = KvPool(CONFIG, SLOTS, TOKENS, self.memory)
        self.texts: list[Text] = []
        self.count = 0.0

    def fresh(self, shape: tuple[int, ...]) -> Array:
        self.count += 1
        return np.full(shape, self.count, np.float32) + np.random.default_rng(0).random(
            shape, np.float32
        )

    @rule(
        heads=st.dictionaries(st.sampled_from(ORDERS), st.sampled_from(SHAPES), min_size=1),
        beams=st.integers(1, 3),
    )
    def take(self, heads: dict[int, Heads], beams: int) -> None:
        text = Text(heads)
        if self.free < beams:
            with pytest.raises(ValueError, match="slots wanted"):
                self.pool.take(text, beams)
            assert text.slots == []
            return
        self.pool.take(text)
        image: Cache = {}
        for name, (count, width) in text.names:
            part = self.fresh((count, NV, width))
            text.kept[name] = self.pool.store(name, count, width)
            self.pool.put_image(text.slots[0], text.kept[name], put(self.memory, part))
            image[name] = np.zeros((count, TOKENS, width), np.float32)
            image[name][:, :NV] = part
        self.pool.take(text, beams - 1)
        self.pool.share_image(text)
        text.holds = [{key: array.copy() for key, array in image.items()} for _ in range(beams)]
        self.texts.append(text)

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        """A decode pass puts one token of every beam of some texts that share a store."""
        name, heads = data.draw(st.sampled_from(data.draw(st.sampled_from(self.texts)).names))
        texts = [text for text in self.texts if (name, heads) in text.names]
        texts = [text for text in texts if data.draw(st.booleans())]
        held = [(s, hold) for text in texts for s, hold in zip(text.slots, text.holds, strict=True)]
        slots = [slot for slot, _ in held]
        places = [data.draw(st.integers(NV, TOKENS - 1)) for _ in slots]
        new = self.fresh((SLOTS, heads[0], 1, heads[1]))
        store = self.pool.store(name, *heads)
        self.pool.put_words(slots, np.array(places, np.int64), store, put(self.memory, new))
        for (slot, hold), place in zip(held, places, strict=True):
            hold[name][:, place] = new[slot, :, 0]

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def follow(self, data: st.DataObject) -> None:
        text = data.draw(st.sampled_from(self.texts))
        beams = range(len(text.slots))
        parents = [data.draw(st.sampled_from(beams)) for _ in beams]
        self.pool.reorder(text, [text.slots[beam] for beam in parents])
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
        for store in self.pool._stores.values():
            look(store)[text.slots] = np.nan
        self.pool.free(text)
        assert text.slots == []
        self.pool.free(text)  # it has none now: none is given back
        self.texts.remove(text)

    @property
    def free(self) -> int:
        return SLOTS - sum(len(text.slots) for text in self.texts)

    @invariant()
    def every_text_reads_its_own(self) -> None:
        for text in self.texts:
            for slot, hold in zip(text.slots, text.holds, strict=True):
                for name, wanted in hold.items():
                    np.testing.assert_array_equal(look(text.kept[name])[slot], wanted)

    @invariant()
    def no_slot_has_two_owners(self) -> None:
        taken = [slot for text in self.texts for slot in text.slots]
        assert len(set(taken)) == len(taken) == self.pool.taken == SLOTS - self.free
        assert set(taken) <= set(range(SLOTS))


class RemotePoolAgainstDicts(PoolAgainstDicts):
    """The same where NumPy cannot get at the arrays; only zeros come from the host."""

    def __init__(self) -> None:
        self.memory = RemoteMemory()
        super().__init__()

    @invariant()
    def nothing_crosses(self) -> None:
        assert isinstance(self.memory, RemoteMemory)
        assert self.memory.crossed.keys() <= {"moved"}


SEARCH = settings(max_examples=60, stateful_step_count=30, deadline=None)
PoolAgainstDicts.TestCase.settings = RemotePoolAgainstDicts.TestCase.settings = SEARCH
TestPools, TestRemotePools = PoolAgainstDicts.TestCase, RemotePoolAgainstDicts.TestCase


def test_all_slots_come_back_whatever_was_moved() -> None:
    pool = KvPool(CONFIG, SLOTS, TOKENS)
    texts = [same_heads() for _ in range(3)]
    for text, beams in zip(texts, (2, 3, 2), strict=True):
        pool.take(text, beams)
    pool.compact([texts[2], texts[1]])
    for text in (texts[1], texts[0], texts[2]):
        pool.free(text)
    assert pool.taken == 0
    everything = same_heads()
    pool.take(everything, SLOTS)
    assert sorted(everything.slots) == list(range(SLOTS))


def test_a_picture_wipes_the_words_of_the_text_before_it() -> None:
    pool = KvPool(CONFIG, 1, TOKENS)
    store = pool.store("v.1", HEADS, HEAD_WIDTH)
    store[...] = np.nan
    pool.put_image(0, store, np.ones((HEADS, NV, HEAD_WIDTH), np.float32))
    assert (store[0, :, :NV] == 1).all()
    assert (store[0, :, NV:] == 0).all()


@pytest.mark.parametrize("shape", [(1, NV, 2), (HEADS, NV, 1), (HEADS, 1, 2), (HEADS, NV + 1, 2)])
def test_a_picture_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    pool = KvPool(CONFIG, 1, TOKENS)
    with pytest.raises(ValueError, match="2 heads of width 2"):
        pool.put_image(0, pool.store("k.0", HEADS, HEAD_WIDTH), np.ones(shape, np.float32))


def test_beams_change_places_at_once_and_not_one_after_the_other() -> None:
    pool = KvPool(CONFIG, 3, TOKENS)
    text, store = same_heads((0,)), pool.store("k.0", HEADS, HEAD_WIDTH)
    text.kept["k.0"] = store
    pool.take(text, 3)
    for slot in text.slots:
        store[slot, :, NV:] = slot
        store[slot, :, :NV] = 9
    pool.reorder(text, [text.slots[beam] for beam in (1, 2, 0)])
    assert [store[slot, 0, NV, 0] for slot in text.slots] == [1, 2, 0]
    assert (store[:, :, :NV] == 9).all()


def test_orders_with_the_same_heads_share_a_store_whatever_their_variant() -> None:
    pool = KvPool(CONFIG, 2, TOKENS)
    texts = same_heads((0, 1)), same_heads((0,)), Text({0: (4, 1)})
    for text in texts[:2]:
        pool.take(text)
    for text, slot in zip(texts, (0, 1, 1), strict=True):
        for name, (count, width) in text.names:
            text.kept[name] = pool.store(name, count, width)
            pool.put_image(slot, text.kept[name], np.ones((count, NV, width), np.float32))
    assert texts[0].kept["k.0"] is texts[1].kept["k.0"]
    assert texts[0].kept["k.0"] is not texts[0].kept["k.1"]
    assert texts[2].kept["k.0"].shape == (2, 4, TOKENS, 1)
    assert len(pool._stores) == 6
