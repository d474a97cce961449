"""The row of a caption: the picture is seen once, by an elastic pass; then words, one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifact.manifest import StageFile
from artifact.program import Program, Step
from engine.backends.arrays import AnyArray
from engine.rows.caption.beams import BeamSearch
from engine.rows.caption.kv_pool import KvPool
from engine.rows.row import Array, Row, VqaRow


class CaptionRow:
    """A caption: the image pass of a variant, then one decode pass for each word.

    The image pass leaves keys and values in the pool, in the first of `slots`: of one order with
    each step, or of all at once where the variant is a whole one. Once settled, every beam has a
    slot, and `word` are the calls of one word of its variant.

    Args:
        image: the image pass.
        pool: of keys and values.
        pixels: uint8 [S, S, 3].
        search: the words; its width says how many slots are needed.
        stages: the manifest's records, which say of what shape keys and values are.
    """

    riders: tuple[VqaRow, ...] = ()

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
        self._h: AnyArray = np.empty(0, np.float32)
        self._kept: dict[Step, list[AnyArray]] = {}
        self.search = search
        self.slots: list[int] = []
        self.word: tuple[Step, ...] = ()
        self.decoded = 0
        self.logits: NDArray[np.float32] | None = None

    @property
    def parts(self) -> Sequence[Row]:
        """Return itself: beams share the image pass."""
        return (self,)

    @property
    def step(self) -> Step:
        """Return the next step of the image pass."""
        return self._program.steps[self._cursor]

    @property
    def bucket(self) -> int:
        """Return 0: the image pass has a fixed shape."""
        return 0

    @property
    def ended(self) -> bool:
        """Tell whether no step of the image pass is left."""
        return self._cursor == len(self._program.steps)

    @property
    def done(self) -> bool:
        """Tell whether the text is finished."""
        return self.search.done

    @property
    def words(self) -> list[int]:
        """The text so far: of the best beam, without [BOS] and [EOS]."""
        return self.search.best

    @property
    def stores(self) -> Iterable[AnyArray]:
        """The pool's arrays in which it has keys and values; once settled, only its variant's."""
        return [store for stores in self._kept.values() for store in stores]

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
        if missing := [step.stage for step in image.steps if step not in self._kept]:
            raise ValueError(f"the image pass has not run {missing}")
        self._kept = {step: self._kept[step] for step in image.steps}
        self.word = decode.steps
        self._pool.take(self, len(self.search.words) - len(self.slots))
        self._pool.share_image(self)

    def inputs(self) -> dict[str, AnyArray]:
        """Return the inputs of the image pass's next step."""
        if self.step.order is None:
            return {"pixels": self._pixels}
        return {"h": self._h, "order": np.array(self.step.order_in_key, np.int64)}

    def absorb(self, outputs: Mapping[str, Any]) -> None:
        """Take the step's outputs and move on."""
        names = [name for name in outputs if name.partition(".")[0] in ("k", "v")]
        if names and not self.slots:
            self._pool.take(self)
        self._kept[self.step] = [self._keep(name, outputs[name]) for name in names]
        self._h = outputs.get("h_out", outputs.get("h", self._h))
        self._cursor += 1

    def _keep(self, name: str, part: AnyArray) -> AnyArray:
        """Put the picture's keys or values of an order into their store; a whole one names it."""
        heads, width = (int(n) for n in self._stages[self.step.stage].outputs[name].shape[1::2])
        place = name if "." in name else f"{name}.{self.step.order}"
        store = self._pool.store(place, heads, width)
        self._pool.put_image(self.slots[0], store, part)
        return store

    def hear(self, logits: NDArray[np.float32]) -> None:
        """Take the next-word logits [beams, V]: every beam's text grows by a word, or it ends."""
        self.logits = logits
        self.decoded += 1
        parents = self.search.advance(logits)
        if not self.search.done:
            self._pool.reorder(self, [self.slots[beam] for beam in parents])

    def leave(self) -> None:
        """Give its slots back."""
        self._pool.give(self)
