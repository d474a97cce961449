"""Rounds: the next word of many captions at once, whatever their positions and variants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from artifact.manifest import Manifest
from artifact.program import Step
from artifact.stage import StageKind
from artifact.task import CAPTION
from engine.backends.arrays import AnyArray, put_rows
from engine.errors import InferenceFailed
from engine.rows.caption.kv_pool import KvPool
from engine.rows.caption.round import Round
from engine.rows.caption.row import CaptionRow

RunInto = Callable[[str, Mapping[str, AnyArray], Mapping[str, AnyArray]], object]
"""Runs a stage: reads inputs, writes outputs into the arrays given."""

_TURNS = (StageKind.STEM, StageKind.BLOCK_DECODE, StageKind.HEAD, StageKind.WHOLE_DECODE)
"""Kinds of calls in the order of a round. A head writes the logits of slots beyond its rows', so
whole variants, whose rows sit there, come after it."""


@dataclass(frozen=True)
class _Arrays:
    """Of one call, all slots: what it reads and what it writes.

    `grows`: the pool's stores that it reads, each with what is written of the last word for it.
    """

    given: dict[str, AnyArray]
    into: dict[str, AnyArray]
    grows: list[tuple[AnyArray, AnyArray]] = field(default_factory=list)


class RoundRunner:
    """The arrays of decode passes, one slot for each text. Not thread-safe.

    A round goes through the orders together: rows whose variant leaves an order out stay where they
    are. Each whole variant has a call of its own, tokens to logits. Calls are as large as the next
    of `sizes` (slot buckets); free slots are masked. What only stages read lies in the pool's
    memory.
    """

    def __init__(
        self, manifest: Manifest, pool: KvPool, sizes: Sequence[int], run: RunInto
    ) -> None:
        config = manifest.config
        slots, width = pool.slots, config.width
        self._config, self._text, self.pool, self._run = config, manifest.text, pool, run
        self._stages = manifest.stages
        self._image_tokens = config.image_tokens_of(CAPTION.name)
        self._sizes = [*(size for size in sorted(sizes) if size < slots), slots]
        self._tokens = np.full((slots, 2), manifest.text.mask, np.int64)
        self._position = np.zeros(slots, np.int64)
        self._mask = np.zeros((slots, pool.tokens), np.bool_)
        self._order = np.zeros(slots, np.int64)
        self._adapter = np.zeros(slots, np.int64)
        zeros = pool.memory.zeros
        self._h, self._next = (zeros((slots, 2, width), np.float32) for _ in range(2))
        self._y, self._r = (np.zeros((slots, 1, width), np.float32) for _ in range(2))
        new = (slots, config.heads, 1, config.head_width)
        self._k_new, self._v_new = zeros(new, np.float32), zeros(new, np.float32)
        self._logits, self._said = (
            np.zeros((slots, config.vocab_size), np.float32) for _ in range(2)
        )
        self._arrays: dict[Step, _Arrays] = {}
        self._views: dict[
            tuple[Step, int, int], tuple[dict[str, AnyArray], dict[str, AnyArray]]
        ] = {}

    def reserve(self, calls: Iterable[Step]) -> None:
        """Take the arrays of these calls now: later, a device may have no memory left.

        Raises:
            LoadFailed: if it has none now.
        """
        for call in calls:
            self._of(call)

    def begin(self, rows: Sequence[CaptionRow]) -> Round:
        """Return a round for these settled rows, moved to the first slots.

        Rows of one whole variant sit side by side, after those of composed ones.
        """
        takers = _takers(rows)
        calls = sorted(takers, key=_turn)
        seated: list[CaptionRow] = []
        for call in calls:
            if takers[call][0].word[0] == call:  # where a word begins
                seated += takers[call]
                self.pool.compact([row.holding for row in seated])
        self._mask[:, 1:] = False
        self._mask[:, 0] = True  # a free slot sees something finite
        self._y[:] = 0.0
        self._adapter[:] = 0
        for row in rows:
            self._adapter[row.slots] = row.adapter
            for slot, words in zip(row.slots, row.search.words, strict=True):
                self._tokens[slot, 0] = words[-1] if words else self._text.bos
                self._position[slot] = len(words)
                self._mask[slot, : self._image_tokens + len(words)] = True
        return Round(list(rows), calls, takers)

    def step(self, round_: Round) -> list[CaptionRow]:
        """Run a round's next call and return the rows that took part; the last gives the words.

        A call that throws is tried again slot by slot, once; a row that throws again has failed.
        """
        call = round_.calls[round_.done]
        riders = round_.going(round_.takers[call])
        slots = list(chain.from_iterable(row.slots for row in riders))
        if slots:
            try:
                self._call(call, *self._range(call, slots))
                self._take(call, slots)
            except Exception:  # whatever a batch does, its rows get their second try
                self._one_by_one(round_, call, riders)
        round_.done += 1
        if round_.finished:
            self._hear(round_)
        return riders

    def _range(self, call: Step, slots: Sequence[int]) -> tuple[int, int]:
        """Return the slots (from, to) that a call for these runs on: as many as a bucket."""
        first = min(slots) if call.stage.is_whole else 0
        size = next(size for size in self._sizes if size > max(slots) - first)
        first = min(first, self.pool.slots - size)
        return first, first + size

    def _hear(self, round_: Round) -> None:
        for row in round_.going(round_.rows):
            logits = self._logits[row.slots]
            if np.isfinite(logits).all():
                row.take_word(logits)
            else:
                stage = row.word[-1].stage
                round_.failed[row] = InferenceFailed(stage, "the logits are not finite")

    def _one_by_one(self, round_: Round, call: Step, riders: Sequence[CaptionRow]) -> None:
        for row in riders:
            try:
                for slot in row.slots:
                    self._call(call, slot, slot + 1)
                    self._take(call, [slot])
            except Exception as error:  # this request's fault ends this request only
                round_.failed[row] = error

    def _take(self, call: Step, slots: list[int]) -> None:
        """Take in what a call computed for these slots; stem and head write where it belongs."""
        cached = self._image_tokens + self._position[slots]
        for store, new in self._of(call).grows:
            self.pool.put_words(slots, cached, store, new)
        if call.stage.is_whole:
            self._logits[slots] = self._said[slots]
        elif call.order is not None:
            put_rows(self._h, slots, self._next)
            series = self._config.readout == "series"
            self._y[slots] = self._y[slots] + self._r[slots] if series else self._r[slots]

    def _call(self, call: Step, begin: int, end: int) -> None:
        """Run a call on a range of slots."""
        key = (call, begin, end)
        if key not in self._views:
            arrays, part = self._of(call), slice(begin, end)
            self._views[key] = (
                {name: array[part] for name, array in arrays.given.items()},
                {name: array[part] for name, array in arrays.into.items()},
            )
        if call.order_in_key is not None:
            self._order[begin:end] = call.order_in_key
        self._run(call.stage, *self._views[key])

    def _of(self, call: Step) -> _Arrays:
        """Return the arrays of a call, all slots of them."""
        if call not in self._arrays:
            if call.stage.is_stem:
                given = {"tokens": self._tokens, "position": self._position}
                made = _Arrays({**given, "adapter": self._adapter}, {"h": self._h})
            elif call.stage.is_head:
                made = _Arrays({"y": self._y}, {"logits": self._logits})
            else:
                made = self._of_whole(call.stage) if call.stage.is_whole else self._of_block(call)
            self._arrays[call] = made
        return self._arrays[call]

    def _of_block(self, call: Step) -> _Arrays:
        given: dict[str, AnyArray] = {"h": self._h, "order": self._order, "mask": self._mask}
        given["adapter"] = self._adapter
        into: dict[str, AnyArray] = {"h_out": self._next, "r": self._r}
        grows: list[tuple[AnyArray, AnyArray]] = []
        for name, new in (("k", self._k_new), ("v", self._v_new)):
            store = self.pool.store(f"{name}.{call.order}", new.shape[1], new.shape[3])
            given[name], into[f"{name}_new"] = store, new
            grows.append((store, new))
        return _Arrays(given, into, grows)

    def _of_whole(self, stage: str) -> _Arrays:
        """Each order has heads of its own: those of the manifest's record."""
        given: dict[str, AnyArray] = {"tokens": self._tokens, "position": self._position}
        given["mask"] = self._mask
        into: dict[str, AnyArray] = {"logits": self._said}
        grows: list[tuple[AnyArray, AnyArray]] = []
        for name, spec in self._stages[stage].inputs.items():
            if name in given:
                continue
            heads, width = (int(size) for size in spec.shape[1::2])
            side, _, order = name.partition(".")
            new = self.pool.memory.zeros((self.pool.slots, heads, 1, width), np.float32)
            given[name] = self.pool.store(name, heads, width)
            into[f"{side}_new.{order}"] = new
            grows.append((given[name], new))
        return _Arrays(given, into, grows)


def _takers(rows: Sequence[CaptionRow]) -> dict[Step, list[CaptionRow]]:
    """Return the rows that take part in each call of a word."""
    alike: dict[int, list[CaptionRow]] = {}
    for row in rows:
        alike.setdefault(id(row.word), []).append(row)
    takers: dict[Step, list[CaptionRow]] = {}
    for group in alike.values():
        for call in group[0].word:
            takers.setdefault(call, []).extend(group)
    return takers


def _turn(call: Step) -> tuple[int, int, str]:
    """Sort calls as a round makes them."""
    return _TURNS.index(call.stage.kind), call.order or 0, call.stage
