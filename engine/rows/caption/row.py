"""The row of a caption: an elastic pass over the picture, then words, one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifact.manifest import StageFile
from artifact.program import Program, Step
from engine.backends.arrays import AnyArray, Array
from engine.rows.caption.beams import BeamSearch
from engine.rows.caption.kv_pool import Holding, KvPool
from engine.rows.part import NO_VECTORS


class CaptionRow:
    """A caption: the image pass of a variant, then one decode pass for each word.

    The image pass leaves keys and values in the pool, in the first of `slots`: of one order with
    each step, or of all at once where the variant is a whole one. Once it is settled, every beam
    has a slot, and `word` are the calls of one word of its variant. The pool knows its holding, not
    the row.

    Args:
        image: the image pass.
        pool: of keys and values.
        pixels: uint8 [S, S, 3].
        search: the words; its width says how many slots are needed.
        stages: the manifest's records, which say of what shape keys and values are.
    """

    riders: tuple[()] = ()
    vectors: Mapping[int, NDArray[np.float32]] = NO_VECTORS

    def __init__(
        self,
        image: Program,
        pool: KvPool,
        pixels: Array,
        search: BeamSearch,
        stages: Mapping[str, StageFile],
    ) -> None:
        self._program = image
        self._cursor = 0
        self._pool = pool
        self._pixels = pixels
        self._stages = stages
        self.adapter = np.array(0, np.int64)
        self._h: AnyArray = np.empty(0, np.float32)
        self._stores: dict[Step, list[AnyArray]] = {}
        self.search = search
        self.holding = Holding()
        self.word: tuple[Step, ...] = ()
        self.decoded = 0
        self.logits: NDArray[np.float32] | None = None

    @property
    def slots(self) -> list[int]:
        """Its slots of the pool, one for each beam; none before its first keys and values."""
        return self.holding.slots

    @property
    def caption(self) -> CaptionRow:
        """Itself: it writes words."""
        return self

    @property
    def parts(self) -> Sequence[CaptionRow]:
        """What takes the next step: itself, for beams share the image pass."""
        return (self,)

    @property
    def step(self) -> Step:
        """The next step of the image pass."""
        return self._program.steps[self._cursor]

    @property
    def bucket(self) -> int:
        """0: the image pass has a fixed shape."""
        return 0

    @property
    def ended(self) -> bool:
        """Whether no step of the image pass is left."""
        return self._cursor == len(self._program.steps)

    @property
    def done(self) -> bool:
        """Whether the text is finished."""
        return self.search.done

    @property
    def words(self) -> list[int]:
        """The text so far: of the best beam, without [BOS] and [EOS]."""
        return self.search.best

    def follow(self, programs: tuple[Program, ...]) -> None:
        """Go on as another variant that begins with what has run."""
        if programs[0].steps[: self._cursor] != self._program.steps[: self._cursor]:
            raise ValueError("the row has run other steps")
        self._program = programs[0]

    def bank(self) -> None:
        """Do nothing: the keys and values of every order stay."""

    def settle(self, programs: tuple[Program, ...]) -> None:
        """End the image pass: write words as the variant whose programs these are.

        Raises:
            ValueError: if it has not run that variant's image pass.
        """
        image, decode = programs
        if missing := [step.stage for step in image.steps if step not in self._stores]:
            raise ValueError(f"the image pass has not run {missing}")
        self.holding.stores = [store for step in image.steps for store in self._stores[step]]
        self.word = decode.steps
        self._pool.take(self.holding, len(self.search.words) - len(self.slots))
        self._pool.share_image(self.holding)

    def adapt(self, place: int) -> None:
        """Run with the adapter at that place of the tables; before its first step."""
        self.adapter = np.array(place, np.int64)

    def inputs(self) -> dict[str, AnyArray]:
        """Return the inputs of the image pass's next step."""
        if self.step.stage.is_whole:
            return {"pixels": self._pixels}
        if self.step.order is None:
            return {"pixels": self._pixels, "adapter": self.adapter}
        order = np.array(self.step.order_in_key, np.int64)
        return {"h": self._h, "order": order, "adapter": self.adapter}

    def absorb(self, outputs: Mapping[str, Any]) -> None:
        """Take the step's outputs and move on."""
        names = [name for name in outputs if name.partition(".")[0] in ("k", "v")]
        if names and not self.slots:
            self._pool.take(self.holding)
        stores = [self._put(name, outputs[name]) for name in names]
        self._stores[self.step] = stores
        self.holding.stores += stores
        self._h = outputs.get("h_out", outputs.get("h", self._h))
        self._cursor += 1

    def _put(self, name: str, part: AnyArray) -> AnyArray:
        """Put the picture's keys or values of an order into their store; a whole one names it."""
        heads, width = (int(n) for n in self._stages[self.step.stage].outputs[name].shape[1::2])
        place = name if "." in name else f"{name}.{self.step.order}"
        store = self._pool.store(place, heads, width)
        self._pool.put_image(self.slots[0], store, part)
        return store

    def take_word(self, logits: NDArray[np.float32]) -> None:
        """Take the next-word logits [beams, V]: every beam's text grows by a word, or it ends."""
        self.logits = logits
        self.decoded += 1
        parents = self.search.advance(logits)
        if not self.search.done:
            self._pool.reorder(self.holding, [self.slots[beam] for beam in parents])

    def leave(self) -> None:
        """Give its slots back."""
        self._pool.free(self.holding)
