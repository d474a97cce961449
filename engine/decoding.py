"""Decode passes: the next word of many captions at once, whatever their positions and variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from artifact.manifest import Manifest
from artifact.program import HEAD_CAPTION, STEM_DECODE, block_stage
from engine.caption_row import CaptionRow
from engine.errors import InferenceFailed
from engine.kv_pool import KvPool
from engine.rows import Array

RunInto = Callable[[str, Mapping[str, Array], Mapping[str, Array]], object]
"""Runs a stage: reads inputs, writes outputs into the arrays given."""

Call = tuple[str, int | None]
"""A stage, and the order it runs."""


@dataclass
class Round:
    """One word for each of `rows`: the calls in turn, `done` of them behind.

    `failed`: what ended a row. A row that gave its slots back is out.
    """

    rows: list[CaptionRow]
    calls: list[Call]
    done: int = 0
    failed: dict[CaptionRow, Exception] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Tell whether every row has its word."""
        return self.done == len(self.calls)

    def riders(self, order: int | None) -> list[CaptionRow]:
        """Return the rows that take part in a call; the others bypass that order."""
        going = [row for row in self.rows if row.slots and row not in self.failed]
        return [row for row in going if order is None or order in row.orders]


class Decoder:
    """The arrays of decode passes, one slot for each text. Not thread-safe.

    A round goes through the orders together: rows whose variant leaves an order out stay where they
    are. Calls are as large as the next of `sizes` (slot buckets); slots of nobody are masked.
    """

    def __init__(
        self, manifest: Manifest, pool: KvPool, sizes: Sequence[int], run: RunInto
    ) -> None:
        config = manifest.config
        slots, width = pool.slots, config.width
        self._config, self._text, self._pool, self._run = config, manifest.text, pool, run
        self._sizes = [*(size for size in sorted(sizes) if size < slots), slots]
        self._tokens = np.full((slots, 2), manifest.text.mask, np.int64)
        self._position = np.zeros(slots, np.int64)
        self._mask = np.zeros((slots, pool.k[0].shape[2]), np.bool_)
        self._order = np.zeros(slots, np.int64)
        self._h, self._next = (np.zeros((slots, 2, width), np.float32) for _ in range(2))
        self._y, self._r = (np.zeros((slots, 1, width), np.float32) for _ in range(2))
        new = (slots, config.heads, 1, config.head_width)
        self._k_new, self._v_new = np.zeros(new, np.float32), np.zeros(new, np.float32)
        self._logits = np.zeros((slots, config.vocab_size), np.float32)
        self._views: dict[tuple[Call, int, int], tuple[dict[str, Array], dict[str, Array]]] = {}

    def begin(self, rows: Sequence[CaptionRow]) -> Round:
        """Return a round for these rows, moved to the first slots."""
        self._pool.compact(rows)
        self._mask[:, 1:] = False
        self._mask[:, 0] = True  # nobody's slot sees something finite
        self._y[:] = 0.0
        for row in rows:
            for slot, words in zip(row.slots, row.search.words, strict=True):
                self._tokens[slot, 0] = words[-1] if words else self._text.bos
                self._position[slot] = len(words)
                self._mask[slot, : self._config.image_tokens + len(words)] = True
        executed = sorted({order for row in rows for order in row.orders})
        of_key = self._config.key_of_order
        blocks = [(block_stage(of_key[k], "block_decode"), k) for k in executed]
        return Round(list(rows), [(STEM_DECODE, None), *blocks, (HEAD_CAPTION, None)])

    def step(self, round_: Round) -> list[CaptionRow]:
        """Run a round's next call and return who took part; the last call gives the words.

        A call that throws is tried again slot by slot, once; who throws again has failed.
        """
        call = round_.calls[round_.done]
        riders = round_.riders(call[1])
        slots = list(chain.from_iterable(row.slots for row in riders))
        if slots:
            end = next(size for size in self._sizes if size > max(slots))
            try:
                self._call(call, 0, end)
                self._take(call, slots)
            except Exception:  # whatever a batch does, its rows get their second try
                self._one_by_one(round_, call, riders)
        round_.done += 1
        if round_.finished:
            self._hear(round_)
        return riders

    def _hear(self, round_: Round) -> None:
        for row in round_.riders(None):
            logits = self._logits[row.slots]
            if np.isfinite(logits).all():
                row.hear(logits)
            else:
                round_.failed[row] = InferenceFailed(HEAD_CAPTION, "the logits are not finite")

    def _one_by_one(self, round_: Round, call: Call, riders: Sequence[CaptionRow]) -> None:
        for row in riders:
            try:
                for slot in row.slots:
                    self._call(call, slot, slot + 1)
                    self._take(call, [slot])
            except Exception as error:  # this request's fault ends this request only
                round_.failed[row] = error

    def _take(self, call: Call, slots: list[int]) -> None:
        """Take in what a block computed for these slots; stem and head write where it belongs."""
        order = call[1]
        if order is None:
            return
        cached = self._config.image_tokens + self._position[slots]
        self._pool.k[order][slots, :, cached] = self._k_new[slots, :, 0]
        self._pool.v[order][slots, :, cached] = self._v_new[slots, :, 0]
        self._h[slots] = self._next[slots]
        series = self._config.readout == "series"
        self._y[slots] = self._y[slots] + self._r[slots] if series else self._r[slots]

    def _call(self, call: Call, begin: int, end: int) -> None:
        """Run a call on a range of slots."""
        stage, order = call
        key = (call, begin, end)
        if key not in self._views:
            given, into = self._arrays(stage, order)
            part = slice(begin, end)
            self._views[key] = (
                {name: array[part] for name, array in given.items()},
                {name: array[part] for name, array in into.items()},
            )
        if order is not None:
            self._order[begin:end] = self._config.order_in_key(order)
        self._run(stage, *self._views[key])

    def _arrays(self, stage: str, order: int | None) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return a stage's inputs and outputs, all slots of them."""
        if stage == STEM_DECODE:
            return {"tokens": self._tokens, "position": self._position}, {"h": self._h}
        if order is None:
            return {"y": self._y}, {"logits": self._logits}
        given: dict[str, Array] = {"h": self._h, "order": self._order, "mask": self._mask}
        given |= {"k": self._pool.k[order], "v": self._pool.v[order]}
        into: dict[str, Array] = {"h_out": self._next, "r": self._r}
        into |= {"k_new": self._k_new, "v_new": self._v_new}
        return given, into
