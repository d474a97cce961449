"""Slots: where the hidden states of rows lie between two blocks, so that a step copies nothing.

Rows that ride together have their states side by side in one batch's arrays. A block reads one
array and writes the other, and only a row that joins or leaves is copied. Batches are sticky: as
long as the same rows run, nothing moves. The states lie in the backend's memory (ADR 0023).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from engine.backends.arrays import HOST, AnyArray, Array, Memory

Block = Callable[[Mapping[str, AnyArray], Mapping[str, AnyArray]], object]
"""Runs one block: reads its inputs, writes its outputs into the arrays given."""

_BATCHES = 3
"""Batches kept per shape of rows: groups that run in turns need not move."""


class Rider(Protocol):
    """A row that rides in a batch while blocks run.

    `h` [N, D] and `y` [R, D] (fp32) are its hidden state and readout, `mask` [N] says which tokens
    are real (None: all); `adapter` is its place in adapters' tables; `series`: terms are added to
    the readout, else the last one is it.
    """

    h: AnyArray
    y: Array
    mask: Array | None
    adapter: Array
    series: bool

    def upcoming(self, steps: int) -> list[int]:
        """Return the orders, inside their keys, of the next blocks: as many as `steps`."""
        ...

    def passed_blocks(self, h: AnyArray, steps: int) -> None:
        """Move on after blocks that the batch ran; `y` has their terms already."""
        ...


class RowShape(NamedTuple):
    """What rows of one batch have in common: tokens, how many are read out, and whether masked."""

    tokens: int
    read: int
    masked: bool


class Batch:
    """Slots for up to `size` rows of one shape; occupied ones come first when it runs."""

    def __init__(self, size: int, shape: RowShape, width: int, memory: Memory = HOST) -> None:
        hidden = (size, shape.tokens, width)
        self._h, self._next = (memory.zeros(hidden, np.float32) for _ in range(2))
        self._y = np.zeros((size, shape.read, width), np.float32)
        self._r = np.empty_like(self._y)
        self._mask = np.zeros((size, shape.tokens), np.bool_) if shape.masked else None
        self._order = np.zeros(size, np.int64)
        self._adapter = np.zeros(size, np.int64)
        self._rows: list[Rider | None] = []
        self._calls: dict[tuple[int, int], tuple[dict[str, AnyArray], dict[str, AnyArray]]] = {}

    @property
    def rows(self) -> list[Rider]:
        """The rows that sit here; in the order of their slots."""
        return [row for row in self._rows if row is not None]

    @property
    def taken(self) -> int:
        """Slots from the first to the last occupied one, holes counted."""
        return len(self._rows)

    def seat(self, rows: Sequence[Rider]) -> list[Rider]:
        """Seat exactly these rows, in slots 0 to n − 1; return those that had to leave."""
        wanted = set(rows)
        left = [row for row in self.rows if row not in wanted]
        for row in left:
            row.h, row.y = row.h.copy(), row.y.copy()
        before, self._rows = self._rows, [None] * len(rows)
        for slot, sitting in enumerate(before[: len(rows)]):
            self._rows[slot] = sitting if sitting in wanted else None
        stay = set(self.rows)
        free = (slot for slot, sitting in enumerate(self._rows) if sitting is None)
        for row in (row for row in rows if row not in stay):
            self._place(row, next(free))
        return left

    def _place(self, row: Rider, slot: int) -> None:
        self._h[slot], self._y[slot], self._adapter[slot] = row.h, row.y, row.adapter
        if self._mask is not None:
            self._mask[slot] = row.mask
        row.h, row.y = self._h[slot], self._y[slot]
        self._rows[slot] = row

    def free(self, row: Rider) -> None:
        """Give up a row's slot; its arrays are the caller's business."""
        self._rows[self._rows.index(row)] = None

    def ride(self, run: Block, steps: int, interrupted: Callable[[], bool]) -> int:
        """Run the block its rows are at, `steps` times or until interrupted; return how often.

        `run` reads h, order, adapter and, if rows are masked, mask [n, ...], and writes h_out and
        r. What it raises goes on to the caller; the rows have then moved on by the steps before.
        """
        n = len(self._rows)
        orders = np.array([row.upcoming(steps) for row in self.rows], np.int64)
        if orders.shape != (n, steps):
            raise ValueError(f"not every row has {steps} blocks ahead")
        series, done = self.rows[0].series, 0
        try:
            while done < steps and not (done and interrupted()):
                inputs, into = self._call(n)
                self._order[:n] = orders[:, done]
                run(inputs, into)
                self._h, self._next = self._next, self._h
                self._y[:n] = self._y[:n] + self._r[:n] if series else self._r[:n]
                done += 1
        finally:
            for slot, row in enumerate(self.rows if done else ()):
                row.passed_blocks(self._h[slot], done)
        return done

    def _call(self, n: int) -> tuple[dict[str, AnyArray], dict[str, AnyArray]]:
        """Return the block's arrays, the same objects each time for the same n and direction."""
        key = (n, id(self._h))
        if key not in self._calls:
            given: dict[str, AnyArray] = {
                "h": self._h[:n],
                "order": self._order[:n],
                "adapter": self._adapter[:n],
            }
            if self._mask is not None:
                given["mask"] = self._mask[:n]
            self._calls[key] = given, {"h_out": self._next[:n], "r": self._r[:n]}
        return self._calls[key]


class Slots:
    """The batches of one engine. Not thread-safe."""

    def __init__(self, size: int, width: int, memory: Memory = HOST) -> None:
        self._size = size
        self._width = width
        self._memory = memory
        self._batches: dict[RowShape, list[Batch]] = {}
        self._of: dict[Rider, Batch] = {}

    def seat(self, rows: Sequence[Rider]) -> Batch:
        """Return a batch that holds exactly these rows, chosen so that the fewest are copied."""
        first = rows[0]
        shape = RowShape(len(first.h), len(first.y), first.mask is not None)
        batches = self._batches.setdefault(shape, [])
        if len(batches) < _BATCHES and all(batch.rows for batch in batches):
            batches.append(Batch(self._size, shape, self._width, self._memory))
        held = Counter(self._of[row] for row in rows if row in self._of)
        batch = min(batches, key=lambda b: len(b.rows) - 2 * held[b])
        if held[batch] == len(rows) == batch.taken:
            return batch
        for row in rows:
            if self._of.get(row, batch) is not batch:
                self._of.pop(row).free(row)
        for row in batch.seat(rows):
            del self._of[row]
        self._of.update(dict.fromkeys(rows, batch))
        return batch

    def release(self, row: Rider) -> None:
        """Forget a row that needs no further block, or runs the next one by itself."""
        batch = self._of.pop(row, None)
        if batch is not None:
            batch.free(row)
