"""A composed engine's stages as graphs on the device: stem, one order of a key block, head.

The order is data, one per row, and is uploaded before each step; the hidden state and the readout
stay where they are. One graph for each stage and batch serves every skip pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from artifact.stage import StageKind
from artifact.task import VQA
from loadtests.gpu.device.device import Replay
from loadtests.gpu.models.methods import RandomInputs
from loadtests.gpu.suite.rig import Rig
from models.key_block import KeyBlock
from models.series import OtmvModel, read_joint

Block = Callable[[KeyBlock, "BatchState"], None]


@dataclass(frozen=True)
class BatchState:
    """What the rows of one batch keep between steps.

    Attributes:
        h: `[batch, tokens, width]`, in the model's precision.
        y: fp32 `[batch, 2, width]`.
        order: int64 `[batch]`, of the next step; `[1]` if it is the same for all.
    """

    h: Tensor
    y: Tensor
    order: Tensor


class Stages:
    """Stem, blocks and head of a model, captured per batch when first asked for.

    Args:
        rig: the device.
        model: a series with any number of keys, on the device.
        inputs: of the largest batch; smaller ones take the first.
        block: runs one order in place; `plain_block`, or the same compiled.
    """

    def __init__(self, rig: Rig, model: OtmvModel, inputs: RandomInputs, block: Block) -> None:
        self.model = model
        self._rig, self._inputs, self._block = rig, inputs, block
        self._slots: dict[int, BatchState] = {}
        self._graphs: dict[tuple[str, int, int], Replay] = {}

    def slots(self, batch: int) -> BatchState:
        """Return the batch's slots."""
        if batch not in self._slots:
            config, place = self.model.config, self._rig.device.place
            assert self._inputs.tokens is not None, "stages are those of questions"
            tokens = config.image_tokens + self._inputs.tokens.shape[1]
            dtype = self.model.stem.cls_token.dtype
            self._slots[batch] = BatchState(
                torch.zeros(batch, tokens, config.width, dtype=dtype, device=place),
                torch.zeros(batch, 2, config.width, device=place),
                torch.zeros(batch, dtype=torch.int64, device=place),
            )
        return self._slots[batch]

    def stem(self, batch: int) -> Replay:
        """Return the graph that embeds pictures and texts and clears the readout."""
        return self._graph(StageKind.STEM, 0, batch, lambda: self._embed(batch))

    def block(self, batch: int, key: int = 0) -> Replay:
        """Return the graph that runs each row's order, in place, and adds to the readout."""
        owner = self.model.keys[key]
        assert isinstance(owner, KeyBlock)
        slots = self.slots(batch)
        return self._graph(StageKind.BLOCK, key, batch, lambda: self._block(owner, slots))

    def head(self, batch: int) -> Replay:
        """Return the graph that turns the readout into logits."""
        return self._graph(
            StageKind.HEAD, 0, batch, lambda: self.model.heads[VQA.name](self.slots(batch).y)
        )

    def whole(self, batch: int) -> Replay:
        """Return one graph of stem, every order in turn and head, with the orders known beforehand.

        Each order is one number for all rows: its norms are read as constants would be.
        """
        config, place = self.model.config, self._rig.device.place
        inside = [config.order_in_key(order) for order in range(config.orders)]
        known = [torch.full((1,), order, dtype=torch.int64, device=place) for order in inside]
        slots = self.slots(batch)

        def call() -> object:
            self._embed(batch)
            for step, order in enumerate(known):
                owner = self.model.keys[self._key(step)]
                assert isinstance(owner, KeyBlock)
                self._block(owner, BatchState(slots.h, slots.y, order))
            return self.model.heads[VQA.name](slots.y)

        return self._graph(StageKind.WHOLE, 0, batch, call)

    def capture(self, call: Callable[[], object]) -> Replay:
        """Capture something else on the same device."""
        return self._rig.device.capture(call)

    def run(self, batch: int, orders: Sequence[Tensor]) -> None:
        """Run stem, one step for each entry of `orders` (int64 `[batch]`, pinned), and head.

        With several keys an entry's rows must share one; its index is then that inside the key.
        """
        stem, head, slots = self.stem(batch), self.head(batch), self.slots(batch)
        blocks = [self.block(batch, self._key(step)) for step in range(len(orders))]
        stem()  # from here on nothing is captured: capturing runs the call, and calls run in place
        for block, order in zip(blocks, orders, strict=True):
            slots.order.copy_(order, non_blocking=True)
            block()
        head()

    def _key(self, step: int) -> int:
        return 0 if self.model.config.keys == 1 else self.model.config.key_of_order[step]

    def _embed(self, batch: int) -> None:
        some, slots, stem = self._inputs.first(batch), self.slots(batch), self.model.stem
        assert some.tokens is not None
        slots.h.copy_(torch.cat([stem.image(some.pixels), stem.text(some.tokens)], dim=1))
        slots.y.zero_()

    def _graph(self, kind: str, key: int, batch: int, call: Callable[[], object]) -> Replay:
        found = self._graphs.get((kind, key, batch))
        if found is None:
            found = self._graphs[kind, key, batch] = self._rig.device.capture(call)
        return found


def plain_block(model: OtmvModel) -> Block:
    """Return the step of one order by torch's own kernels, in place."""
    image_tokens = model.config.image_tokens
    read = read_joint(image_tokens)

    def step(key: KeyBlock, slots: BatchState) -> None:
        slots.h.copy_(key(slots.h, slots.order, image_tokens, None))
        slots.y.add_(read(slots.h).float())

    return step


def compiled_block(model: OtmvModel) -> Block:
    """Return the same step as kernels that torch.compile fuses, one compilation for all batches."""
    image_tokens = model.config.image_tokens
    read = read_joint(image_tokens)

    def step(key: KeyBlock, h: Tensor, y: Tensor, order: Tensor) -> None:
        h.copy_(key(h, order, image_tokens, None))
        y.add_(read(h).float())

    fused = torch.compile(step, dynamic=None)

    def call(key: KeyBlock, slots: BatchState) -> None:
        for tensor in (slots.h, slots.y, slots.order):
            torch._dynamo.maybe_mark_dynamic(tensor, 0)
        fused(key, slots.h, slots.y, slots.order)

    return call
