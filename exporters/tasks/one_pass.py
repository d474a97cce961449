"""Tasks that read pictures with a text once and choose a label: questions, statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from artifact.manifest import TextRecord
from artifact.manifest.adapted import AdapterCapacity
from artifact.pattern import SkipPattern
from artifact.preprocess import TextCodec
from artifact.stage import StageName
from artifact.task import Task
from exporters.accounting import matrix_macs, row_flops
from exporters.adapted.room import BOTH, Room, attached
from exporters.examples import Example, lengths_mask, padded, picture
from exporters.stages import (
    Call,
    TensorShape,
    UncompiledStage,
    each_key,
    order_shape,
    pixels_shape,
    tokens_shape,
)
from exporters.tasks.contract import NO_ADAPTERS, ExportedTask, SearchRows
from models.adapters.skipping.order_adapter import OrderAdapter
from models.checkpoint import Checkpoint
from models.key_block import KeyBlock, key_mask_bias
from models.series import OtmvModel, read_joint

RightClass = Callable[[Example, Sequence[str]], int | None]
"""From an example and the labels to the right one's index; None if no label is right."""


def first_answer(example: Example, labels: Sequence[str]) -> int | None:
    """Return the index of an example's first answer among the labels, None if it is not there."""
    right = example.answers[:1]
    return labels.index(right[0]) if right and right[0] in labels else None


@dataclass(frozen=True)
class Requests:
    """Labelled requests of one task.

    Attributes:
        pixels: uint8 `[n, side, side, 3]`; `[n, pictures, side, side, 3]` if there are several.
        tokens: int64 `[n, length]`, padded.
        mask: bool `[n, length]`, true at real tokens.
        classes: index of the right label, int64 `[n]`.
    """

    pixels: Tensor
    tokens: Tensor
    mask: Tensor
    classes: Tensor


class ExportedOnePass(ExportedTask):
    """A task of one pass.

    Args:
        task: which; its pass has a head.
        right_class: the right label of an example.
        whole_beside_stages: see `ExportedTask`.
    """

    def __init__(
        self,
        task: Task,
        right_class: RightClass = first_answer,
        whole_beside_stages: bool = False,
    ) -> None:
        self.task = task
        self.whole_beside_stages = whole_beside_stages
        self._right_class = right_class

    def stages(
        self, model: OtmvModel, capacity: AdapterCapacity = NO_ADAPTERS
    ) -> Iterator[UncompiledStage]:
        """Yield the stem, a block for each key, and the head."""
        (through,) = self.task.passes
        config, width = model.config, model.config.width
        size, tokens = config.other_size_of(self.task.name), config.image_tokens_of(self.task.name)
        hidden = TensorShape(torch.float32, ("B", "N", width))
        read = len(self.task.reads)
        room = Room(capacity, config, BOTH, None)
        pixels = pixels_shape(model, self.task.name)
        yield _stem(through.stem_at(size), model, pixels, hidden, room)
        for index, key in each_key(model):
            room = Room(capacity, config, BOTH, key.coefficient.numel())
            yield _block(through.block_at(index, size), tokens, key, hidden, read, room)
        if model.patches is not None:
            yield _patch(StageName.patch().at(size), tokens, model.patches, hidden, read)
        head, rows = model.heads[self.task.name], self.task.rows
        shape = ("B", read, width) if rows == 1 else ("B", rows, read, width)
        yield UncompiledStage(
            self.task.head,
            Call(head, lambda y: head(y)),
            {"y": TensorShape(torch.float32, shape)},
            {"logits": self._logits_shape(model)},
        )

    def whole(
        self, model: OtmvModel, variant: str, pattern: SkipPattern
    ) -> tuple[UncompiledStage, ...]:
        """Return the one stage that answers a request."""
        (name,) = self.task.whole_stages(variant)
        task, image_tokens = self.task, model.config.image_tokens_of(self.task.name)

        def answer(pixels: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
            return model.answer(task, pixels, tokens, mask[:, image_tokens:], pattern.executed)

        inputs = {
            "pixels": pixels_shape(model, task.name, task.pictures),
            "tokens": tokens_shape(model, "B", "L"),
            "mask": TensorShape(torch.bool, ("B", "N")),
        }
        return (
            UncompiledStage(
                name, Call(model, answer), inputs, {"logits": self._logits_shape(model)}
            ),
        )

    def _logits_shape(self, model: OtmvModel) -> TensorShape:
        labels = self.task.labels
        classes = model.config.num_answers if labels is None else len(labels)
        return TensorShape(torch.float32, ("B", classes))

    def requests(
        self, checkpoint: Checkpoint, text: TextRecord, examples: Sequence[Example]
    ) -> Requests:
        """Stack the examples of this task that have a text and a right label.

        Raises:
            TextError: a text is too long.
        """
        labels = self.task.labels or checkpoint.labels
        side_px = checkpoint.model.config.image_size_of(self.task.name)
        codec = TextCodec(checkpoint.tokenizer, text)
        asked = [e for e in examples if e.task == self.task.name and e.text]
        found = [(e, self._right_class(e, labels)) for e in asked]
        known = [(e, right) for e, right in found if right is not None]
        ids = [codec.encode_question(e.text or "") for e, _ in known]
        pixels = np.stack([_pixels(e, side_px) for e, _ in known])
        tokens = padded(ids, text.pad)
        return Requests(
            torch.from_numpy(pixels),
            tokens,
            lengths_mask(ids, tokens.shape[1]),
            torch.tensor([right for _, right in known]),
        )

    @torch.inference_mode()
    def search_rows(
        self, checkpoint: Checkpoint, text: TextRecord, examples: Sequence[Example]
    ) -> SearchRows:
        """Return one row for each picture; the rows of a request follow each other."""
        model, asked = checkpoint.model, self.requests(checkpoint, text, examples)
        rows, head = self.task.rows, model.heads[self.task.name]
        pixels = asked.pixels if rows == 1 else asked.pixels.flatten(0, 1)
        tokens, mask = (each.repeat_interleave(rows, 0) for each in (asked.tokens, asked.mask))
        image = model.stem.image(pixels)
        image_tokens = image.shape[1]
        seen = nn.functional.pad(mask, (image_tokens, 0), value=True)

        def logits(y: Tensor) -> Tensor:
            found: Tensor = head(y if rows == 1 else y.view(-1, rows, *y.shape[1:]))
            return found

        return SearchRows(
            start=torch.cat([image, model.stem.text(tokens)], dim=1),
            image_tokens=image_tokens,
            bias=key_mask_bias(seen, torch.float32),
            read=read_joint(image_tokens),
            logits=logits,
            truths=asked.classes,
        )

    def flops(
        self, model: OtmvModel, pattern: SkipPattern, text: TextRecord, composed: bool
    ) -> dict[str, int]:
        """Return the FLOPs of one request, composed or whole."""
        (part,) = self.task.flops_parts
        return {part: request_flops(self.task, model, pattern, text.max_question_tokens)}


def request_flops(task: Task, model: OtmvModel, pattern: SkipPattern, text_tokens: int) -> int:
    """Return the FLOPs of one request of a task of one pass: its rows, then its head."""
    image_tokens = model.config.image_tokens_of(task.name)
    rows = task.rows * row_flops(model, pattern, image_tokens, text_tokens)
    return rows + 2 * matrix_macs(model.heads[task.name])


def _pixels(example: Example, side_px: int) -> NDArray[np.uint8]:
    seen = [picture(image, side_px) for image in example.images]
    return seen[0] if len(seen) == 1 else np.stack(seen)


def _stem(
    name: StageName, model: OtmvModel, picture: TensorShape, hidden: TensorShape, room: Room
) -> UncompiledStage:
    def stem(pixels: Tensor, tokens: Tensor, *given: Tensor) -> Tensor:
        with attached(model.stem, room.lookup(None, given)):
            return torch.cat([model.stem.image(pixels), model.stem.text(tokens)], dim=1)

    inputs = {"pixels": picture, "tokens": tokens_shape(model, "B", "L"), **room.inputs()}
    return UncompiledStage(name, Call(model.stem, stem), inputs, {"h": hidden})


def _block(
    name: StageName,
    image_tokens: int,
    key: KeyBlock,
    hidden: TensorShape,
    read: int,
    room: Room,
) -> UncompiledStage:
    picked = read_joint(image_tokens)

    def block(h: Tensor, order: Tensor, mask: Tensor, *given: Tensor) -> object:
        with attached(key, room.lookup(order, given)):
            h = key(h, order, image_tokens, key_mask_bias(mask, h.dtype))
        return h, picked(h)

    inputs = {"h": hidden, "order": order_shape(key), "mask": TensorShape(torch.bool, ("B", "N"))}
    inputs |= room.inputs()
    read_out = TensorShape(torch.float32, ("B", read, hidden.shape[-1]))
    return UncompiledStage(name, Call(key, block), inputs, {"h_out": hidden, "r": read_out})


def _patch(
    name: StageName, image_tokens: int, patches: OrderAdapter, hidden: TensorShape, read: int
) -> UncompiledStage:
    """Return what takes the place of skipped orders, each row at its own (ADR 0037)."""
    picked = read_joint(image_tokens)

    def patch(h: Tensor, order: Tensor) -> object:
        h = h + patches(h, order)
        return h, picked(h)

    orders = TensorShape(torch.int64, ("B",), below=len(patches.shift))
    read_out = TensorShape(torch.float32, ("B", read, hidden.shape[-1]))
    inputs, outputs = {"h": hidden, "order": orders}, {"h_out": hidden, "r": read_out}
    return UncompiledStage(name, Call(patches, patch), inputs, outputs)
