"""The row of a caption: the picture is seen once, by an elastic pass; then words, one at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from artifact.program import Program, Step
from engine.beams import BeamSearch
from engine.kv_pool import KvPool
from engine.rows import Array, Row, VqaRow


class CaptionRow:
    """A caption: the image pass of a variant, then one decode pass per word (engine/decoding.py).

    The image pass leaves each executed order's keys and values in the pool, in the first of
    `slots`. Once settled, every beam has a slot, and `orders` are those of its variant.

    Args:
        image: the image pass.
        pool: of keys and values.
        pixels: uint8 [S, S, 3].
        search: the words; its width says how many slots are needed.
    """

    riders: tuple[VqaRow, ...] = ()

    def __init__(self, image: Program, pool: KvPool, pixels: Array, search: BeamSearch) -> None:
        self._program = image
        self._cursor = 0
        self._pool = pool
        self._pixels = pixels
        self._h: Array = np.empty(0, np.float32)
        self._seen: set[int] = set()
        self._settled: frozenset[int] | None = None
        self.search = search
        self.slots: list[int] = []
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
    def orders(self) -> Collection[int]:
        """The orders whose keys and values are kept; once settled, its variant's."""
        return self._seen if self._settled is None else self._settled

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
            ValueError: if it has not executed that variant's orders.
        """
        orders = {step.order for step in programs[0].steps if step.order is not None}
        if not orders <= self._seen:
            raise ValueError(f"executed orders {sorted(self._seen)}, not {sorted(orders)}")
        self._settled = frozenset(orders)
        self._pool.take(self, len(self.search.words) - len(self.slots))
        self._pool.share_image(self, orders)

    def inputs(self) -> dict[str, Array]:
        """Return the inputs of the image pass's next step."""
        if self.step.order is None:
            return {"pixels": self._pixels}
        return {"h": self._h, "order": np.array(self.step.order_in_key, np.int64)}

    def absorb(self, outputs: Mapping[str, Array]) -> None:
        """Take the step's outputs and move on."""
        order = self.step.order
        if order is None:
            self._h = outputs["h"]
        else:
            if not self.slots:
                self._pool.take(self)
            self._h = outputs["h_out"]
            self._pool.put_image(self.slots[0], order, outputs["k"], outputs["v"])
            self._seen.add(order)
        self._cursor += 1

    def hear(self, logits: NDArray[np.float32]) -> None:
        """Take the next-word logits [beams, V]: every beam's text grows by a word, or it ends."""
        self.logits = logits
        self.decoded += 1
        parents = self.search.advance(logits)
        if not self.search.done:
            self._pool.reorder(self.slots, [self.slots[beam] for beam in parents], self.orders)

    def leave(self) -> None:
        """Give its slots back."""
        self._pool.give(self)
