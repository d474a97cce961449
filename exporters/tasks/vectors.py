"""Vectors of pictures, or of texts: what both sides of retrieval have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from artifact.manifest import TextRecord
from artifact.manifest.adapted import AdapterCapacity
from artifact.pattern import SkipPattern
from artifact.preprocess import TextCodec
from exporters.accounting import block_flops, matrix_macs
from exporters.adapted.room import Modalities, Room
from exporters.examples import Example, lengths_mask, padded, picture
from exporters.stages import (
    Call,
    TensorShape,
    UncompiledStage,
    each_key,
    order_shape,
)
from exporters.tasks.contract import NO_ADAPTERS, ExportedTask, SearchRows
from models.checkpoint import Checkpoint
from models.embeddings import (
    embed_head,
    match_scale,
    side_by_side_bias,
)
from models.key_block import KeyBlock
from models.series import OtmvModel, read_joint


class ExportedVectors(ExportedTask):
    """What both sides of retrieval have in common.

    Attributes:
        seen: the modality of its tokens.
    """

    seen: Modalities

    def stages(
        self, model: OtmvModel, capacity: AdapterCapacity = NO_ADAPTERS
    ) -> Iterator[UncompiledStage]:
        """Yield the stem, a block for each key, and the head."""
        config, through = model.config, self.task.passes[0]
        size, width = config.other_size_of(self.task.name), config.width
        hidden = TensorShape(torch.float32, ("B", self._tokens(model), width))
        read = TensorShape(torch.float32, ("B", len(self.task.reads), width))
        room = Room(capacity, config, self.seen, None)
        inputs = {**self._brought(model), **room.inputs()}
        stem = Call(model.stem, self._stem(model, room))
        yield UncompiledStage(through.stem_at(size), stem, inputs, {"h": hidden})
        for index, key in each_key(model):
            room = Room(capacity, config, self.seen, key.coefficient.numel())
            inputs = {"h": hidden, "order": order_shape(key), **self._masks(), **room.inputs()}
            block = Call(key, self._block(key, room))
            outputs = {"h_out": hidden, "r": read}
            yield UncompiledStage(through.block_at(index, size), block, inputs, outputs)
        vector = {"vector": TensorShape(torch.float32, ("B", width))}
        head = Call(model.heads[self.task.model_task], self._head(model))
        yield UncompiledStage(self.task.head, head, {"y": read}, vector)

    def whole(
        self, model: OtmvModel, variant: str, pattern: SkipPattern
    ) -> tuple[UncompiledStage, ...]:
        """Return the one stage from what a request brings to its vector."""
        (name,) = self.task.whole_stages(variant)
        inputs = {**self._brought(model), **self._masks()}
        vector = {"vector": TensorShape(torch.float32, ("B", model.config.width))}
        return (UncompiledStage(name, Call(model, self._embed(model, pattern)), inputs, vector),)

    def search_rows(
        self, checkpoint: Checkpoint, text: TextRecord, examples: Sequence[Example]
    ) -> SearchRows:
        """Return a row for each picture with its text, neither of which sees the other.

        Its classes are the other side's items of all rows.
        """
        model, own = checkpoint.model, [e for e in examples if e.task == self.task.name]
        side_px = model.config.image_size_of(self.task.name)
        ids = [TextCodec(checkpoint.tokenizer, text).encode_question(e.text or "") for e in own]
        tokens = padded(ids, text.pad)
        pixels = torch.from_numpy(np.stack([picture(e.image, side_px) for e in own]))
        return self._rows(model, pixels, tokens, lengths_mask(ids, tokens.shape[1]))

    @torch.inference_mode()
    def _rows(self, model: OtmvModel, pixels: Tensor, tokens: Tensor, mask: Tensor) -> SearchRows:
        image = model.stem.image(pixels)
        image_tokens, head, scale = image.shape[1], embed_head(model), match_scale(model)

        def logits(y: Tensor) -> Tensor:
            image, text = head(y).unbind(1)
            return scale * (self._own(image, text) @ self._own(text, image).T)

        return SearchRows(
            start=torch.cat([image, model.stem.text(tokens)], dim=1),
            image_tokens=image_tokens,
            bias=side_by_side_bias(image_tokens, mask),
            read=read_joint(image_tokens),
            logits=logits,
            truths=torch.arange(len(pixels)),
        )

    def flops(
        self, model: OtmvModel, pattern: SkipPattern, text: TextRecord, composed: bool
    ) -> dict[str, int]:
        """Return the FLOPs of one vector, composed or whole."""
        (part,) = self.task.flops_parts
        tokens = self._longest(model, text)
        keys = (model.key_of(order)[0] for order in pattern.executed)
        blocks = sum(block_flops(key, tokens, tokens) for key in keys)
        return {part: self._stem_flops(model) + blocks + 2 * matrix_macs(self._projection(model))}

    @abstractmethod
    def _tokens(self, model: OtmvModel) -> int | str:
        """Return the tokens of a row, or their symbol."""

    @abstractmethod
    def _longest(self, model: OtmvModel, text: TextRecord) -> int:
        """Return the most tokens of a row."""

    @abstractmethod
    def _masks(self) -> dict[str, TensorShape]:
        """Return the mask that blocks take, if they take one."""

    @abstractmethod
    def _brought(self, model: OtmvModel) -> dict[str, TensorShape]:
        """Return what a request brings to the stem."""

    @abstractmethod
    def _embed(self, model: OtmvModel, pattern: SkipPattern) -> Callable[..., Tensor]: ...

    @abstractmethod
    def _stem(self, model: OtmvModel, room: Room) -> Callable[..., object]: ...

    @abstractmethod
    def _block(self, key: KeyBlock, room: Room) -> Callable[..., object]: ...

    @abstractmethod
    def _head(self, model: OtmvModel) -> Callable[[Tensor], Tensor]: ...

    @abstractmethod
    def _own(self, image: Tensor, text: Tensor) -> Tensor:
        """Return this side's of both."""

    @abstractmethod
    def _projection(self, model: OtmvModel) -> nn.Module: ...

    @abstractmethod
    def _stem_flops(self, model: OtmvModel) -> int: ...
