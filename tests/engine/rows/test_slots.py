"""Slots: rows join, leave and move, and each has the numbers it would have alone, bit by bit.

The block here is plain NumPy, row by row: its order chooses the weights, its mask hides padding.
The states lie in NumPy arrays, or in a memory that NumPy cannot get at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifact.program import Program, Step
from artifact.stage import StageName
from artifact.store import Artifact
from artifact.task import VQA
from engine.backends.arrays import HOST, AnyArray, Array, Memory
from engine.rows.one_pass import OnePassRow
from engine.rows.slots import RowShape, Slots
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.artifacts.tiny_model import NV, WIDTH, picture
from tests.engine.backends.remote_memory import RemoteMemory, look, put

ORDERS, SIZE = 6, 4
WEIGHTS = np.random.default_rng(5).standard_normal((ORDERS, WIDTH, WIDTH)).astype(np.float32)
_SHARED: dict[str, Artifact] = {}


@pytest.fixture(autouse=True, scope="module")
def _share(tmp_path_factory: pytest.TempPathFactory) -> None:
    _SHARED["artifact"] = write_tiny(tmp_path_factory.mktemp("slots") / "tiny")


def block_alone(h: Array, order: int, mask: Array) -> tuple[Array, Array]:
    """One row [N, D] through one block: (h_out, r)."""
    mean = h[mask].sum(0) / np.float32(mask.sum())
    out = np.tanh(h @ WEIGHTS[order] + mean).astype(np.float32)
    return out, out[[0, NV]]


def block(given: Mapping[str, AnyArray], places: Mapping[str, AnyArray]) -> None:
    """A batch through one block, written where the caller wants it, which must be elsewhere."""
    inputs = {name: look(array) for name, array in given.items()}
    into = {name: look(array) for name, array in places.items()}
    rows = zip(inputs["h"], inputs["order"], inputs["mask"], strict=True)
    for array in into.values():
        assert not any(np.may_share_memory(array, one) for one in inputs.values())
        array[...] = np.nan
    for slot, (h, order, mask) in enumerate(rows):
        into["h_out"][slot], into["r"][slot] = block_alone(h, int(order), mask)


@dataclass
class Twin:
    """A row, and what it must hold: the same steps, alone, in arrays of its own."""

    row: OnePassRow
    orders: list[int]
    h: Array
    y: Array = field(default_factory=lambda: np.zeros((2, WIDTH), np.float32))
    banked: Array | None = None

    def step(self) -> None:
        self.h, r = block_alone(self.h, self.orders.pop(0), self.row.mask)
        self.y = self.y + r if self.row.series else r

    def check(self) -> None:
        np.testing.assert_array_equal(look(self.row.h), self.h)
        np.testing.assert_array_equal(self.row.y, self.y)
        assert self.row.ended or len(self.orders) == sum(
            step.order is not None for step in self.row._program.steps[self.row._cursor :]
        )


class RowsInSlots:
    """Rows of both text lengths in one engine's slots."""

    def __init__(self, series: bool, seed: int, memory: Memory = HOST) -> None:
        self.random = np.random.default_rng(seed)
        self.series = series
        self.memory = memory
        self.slots = Slots(SIZE, WIDTH, memory)
        self.twins: list[Twin] = []

    def join(self, length: int) -> None:
        orders = self.random.integers(0, ORDERS, self.random.integers(1, 9)).tolist()
        blocks = [Step(StageName("block[0]"), k, k) for k in orders]
        steps = [Step(StageName("stem[vqa]")), *blocks, Step(StageName("head[vqa]"))]
        tokens = [1] * int(self.random.integers(1, length + 1))
        manifest = _SHARED["artifact"].manifest
        row = OnePassRow(manifest, VQA, Program(tuple(steps)), picture(), tokens, length)
        row.series = self.series
        h = self.random.standard_normal((NV + length, WIDTH)).astype(np.float32)
        row.absorb({"h": put(self.memory, h)})
        self.twins.append(Twin(row, orders, h.copy()))

    def together(self, count: int) -> list[Twin]:
        """Some rows that can share a call: the same text length, a block to run."""
        able = [twin for twin in self.twins if twin.orders]
        if not able:
            return []
        length = len(able[int(self.random.integers(len(able)))].row.mask)
        fitting = [twin for twin in able if len(twin.row.mask) == length]
        self.random.shuffle(fitting)
        return fitting[:count]

    def run_together(self, count: int) -> None:
        twins = self.together(count)
        if not twins:
            return
        batch = self.slots.seat([twin.row for twin in twins])
        steps = int(self.random.integers(1, min(len(twin.orders) for twin in twins) + 1))
        least = int(self.random.integers(1, steps + 1))  # then something happens
        ran: list[list[int]] = []

        def run(inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray]) -> None:
            ran.append(sorted(look(inputs["order"]).tolist()))
            block(inputs, into)

        assert batch.ride(run, steps, lambda: len(ran) >= least) == least
        assert ran == [sorted(twin.orders[k] for twin in twins) for k in range(least)]
        for twin in twins:
            for _ in range(least):
                twin.step()

    def broken(self, count: int) -> None:
        """A batch that dies half-way: each row then runs by itself, and one of them leaves."""
        twins = self.together(count)
        if not twins:
            return
        batch = self.slots.seat([twin.row for twin in twins])
        steps = int(self.random.integers(1, min(len(twin.orders) for twin in twins) + 1))
        good = int(self.random.integers(0, steps))
        left = iter(range(good))

        def run(inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray]) -> None:
            block(inputs, into)
            if next(left, None) is None:
                look(into["h_out"])[...] = np.nan
                raise RuntimeError

        with pytest.raises(RuntimeError):
            batch.ride(run, steps, lambda: False)
        for twin in twins:
            for _ in range(good):
                twin.step()
        for number, twin in enumerate(twins):
            self.slots.release(twin.row)
            if number == 1:
                self.twins.remove(twin)
                continue
            inputs = twin.row.inputs()
            h, order, mask = (look(inputs[name]) for name in ("h", "order", "mask"))
            h, r = block_alone(h, int(order), mask)
            twin.row.absorb({"h_out": put(self.memory, h), "r": r})
            twin.step()

    def leave(self, count: int) -> None:
        """A row's client has left."""
        for twin in self.together(count)[:1]:
            self.slots.release(twin.row)
            self.twins.remove(twin)

    def bank(self, count: int) -> None:
        for twin in self.together(count):
            twin.row.bank()
            twin.banked = twin.y.copy()

    def settle(self, count: int) -> None:
        """A row answers from what it has banked; it runs no more blocks."""
        for twin in [twin for twin in self.together(count) if twin.banked is not None][:1]:
            self.slots.release(twin.row)
            twin.row.settle((twin.row._program,))
            np.testing.assert_array_equal(twin.row.inputs()["y"], twin.banked)
            self.twins.remove(twin)


moves = st.one_of(
    st.tuples(st.just("join"), st.sampled_from([4, 8])),
    st.tuples(
        st.sampled_from(
            ["run_together", "run_together", "run_together", "broken", "leave", "bank", "settle"]
        ),
        st.integers(1, SIZE),
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(moves, min_size=5, max_size=40), st.booleans(), st.booleans(), st.integers(0, 2**31)
)
def test_a_row_in_any_company_is_the_row_alone(
    played: list[tuple[str, int]], series: bool, elsewhere: bool, seed: int
) -> None:
    memory = RemoteMemory() if elsewhere else HOST
    seated = RowsInSlots(series, seed, memory)
    for length in (4, 4, 8, 4, 8):
        seated.join(length)
    for name, argument in played:
        getattr(seated, name)(argument)
        for twin in seated.twins:
            twin.check()
    while any(twin.orders for twin in seated.twins):
        seated.run_together(SIZE)
    for twin in seated.twins:
        twin.check()
        assert twin.row.step.stage == "head[vqa]"
        np.testing.assert_array_equal(twin.row.inputs()["y"], twin.y)
    if isinstance(memory, RemoteMemory):
        assert memory.crossed.keys() <= {"moved"}


def test_a_batch_that_stays_together_moves_nothing() -> None:
    seated = RowsInSlots(series=True, seed=1)
    for _ in range(3):
        seated.join(4)
    rows = [twin.row for twin in seated.twins]
    first = seated.slots.seat(rows)
    places = [row.h.ctypes.data for row in rows]
    assert seated.slots.seat(rows) is first
    assert seated.slots.seat(rows[::-1]) is first
    assert [row.h.ctypes.data for row in rows] == places


def test_the_places_of_rows_that_left_are_used_again() -> None:
    seated = RowsInSlots(series=True, seed=2)
    for _ in range(200):
        seated.join(4)
        seated.run_together(SIZE)
        seated.leave(SIZE)
    batches = seated.slots._batches[RowShape(NV + 4, read=2, masked=True)]
    assert sum(batch.taken for batch in batches) <= 3 * SIZE
    while seated.twins:
        seated.twins[-1].check()
        seated.slots.release(seated.twins.pop().row)
    assert not seated.slots._of
    assert not any(batch.rows for batch in batches)
