"""A picture alone, or a text alone, as a vector."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from artifact.manifest import TextRecord
from artifact.pattern import SkipPattern
from artifact.task import EMBED_IMAGE, EMBED_TEXT
from exporters.accounting import patch_flops
from exporters.adapted.room import Room, attached
from exporters.stages import TensorShape, pixels_shape, tokens_shape
from exporters.tasks.vectors import ExportedVectors
from models.embeddings import (
    embed_head,
    embed_images,
    embed_texts,
    first_token,
)
from models.key_block import KeyBlock, key_mask_bias
from models.norms import IMAGE, TEXT
from models.series import OtmvModel

_MASK = TensorShape(torch.bool, ("B", "L"))


class ExportedPictures(ExportedVectors):
    """Vectors of pictures, whose tokens are never padded."""

    task = EMBED_IMAGE
    seen = (IMAGE,)

    def _tokens(self, model: OtmvModel) -> int:
        return model.config.image_tokens_of(self.task.name)

    def _longest(self, model: OtmvModel, text: TextRecord) -> int:
        return self._tokens(model)

    def _masks(self) -> dict[str, TensorShape]:
        return {}

    def _brought(self, model: OtmvModel) -> dict[str, TensorShape]:
        return {"pixels": pixels_shape(model, self.task.name)}

    def _embed(self, model: OtmvModel, pattern: SkipPattern) -> Callable[..., Tensor]:
        return lambda pixels: embed_images(model, pixels, pattern.executed)

    def _stem(self, model: OtmvModel, room: Room) -> Callable[..., object]:
        def stem(pixels: Tensor, *given: Tensor) -> Tensor:
            with attached(model.stem, room.lookup(None, given)):
                return model.stem.image(pixels)

        return stem

    def _block(self, key: KeyBlock, room: Room) -> Callable[..., object]:
        def block(h: Tensor, order: Tensor, *given: Tensor) -> object:
            with attached(key, room.lookup(order, given)):
                h = key(h, order, h.shape[1], None)
            return h, first_token(h)

        return block

    def _head(self, model: OtmvModel) -> Callable[[Tensor], Tensor]:
        head = embed_head(model)
        return lambda y: head.embed_image(y[:, 0])

    def _own(self, image: Tensor, text: Tensor) -> Tensor:
        return image

    def _projection(self, model: OtmvModel) -> nn.Module:
        return embed_head(model).image

    def _stem_flops(self, model: OtmvModel) -> int:
        return patch_flops(model, self._tokens(model))


class ExportedTexts(ExportedVectors):
    """Vectors of texts, padded at their ends."""

    task = EMBED_TEXT
    seen = (TEXT,)

    def _tokens(self, model: OtmvModel) -> str:
        return "L"

    def _longest(self, model: OtmvModel, text: TextRecord) -> int:
        return text.max_question_tokens

    def _masks(self) -> dict[str, TensorShape]:
        return {"mask": _MASK}

    def _brought(self, model: OtmvModel) -> dict[str, TensorShape]:
        return {"tokens": tokens_shape(model, "B", "L")}

    def _embed(self, model: OtmvModel, pattern: SkipPattern) -> Callable[..., Tensor]:
        return lambda tokens, mask: embed_texts(model, tokens, mask, pattern.executed)

    def _stem(self, model: OtmvModel, room: Room) -> Callable[..., object]:
        def stem(tokens: Tensor, *given: Tensor) -> Tensor:
            with attached(model.stem, room.lookup(None, given)):
                return model.stem.text(tokens)

        return stem

    def _block(self, key: KeyBlock, room: Room) -> Callable[..., object]:
        def block(h: Tensor, order: Tensor, mask: Tensor, *given: Tensor) -> object:
            with attached(key, room.lookup(order, given)):
                h = key(h, order, 0, key_mask_bias(mask, h.dtype))
            return h, first_token(h)

        return block

    def _head(self, model: OtmvModel) -> Callable[[Tensor], Tensor]:
        head = embed_head(model)
        return lambda y: head.embed_text(y[:, 0])

    def _own(self, image: Tensor, text: Tensor) -> Tensor:
        return text

    def _projection(self, model: OtmvModel) -> nn.Module:
        return embed_head(model).text

    def _stem_flops(self, model: OtmvModel) -> int:
        return 0


EXPORTED_PICTURES = ExportedPictures()
EXPORTED_TEXTS = ExportedTexts()
