"""Captions: a picture is seen once, then each word is one more pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from artifact.manifest import TextRecord
from artifact.manifest.adapted import AdapterCapacity
from artifact.pattern import SkipPattern
from artifact.preprocess import TextCodec
from artifact.task import CAPTION
from exporters.accounting import block_flops, matrix_macs, patch_flops
from exporters.examples import Example, padded, picture
from exporters.stages import UncompiledStage
from exporters.tasks import caption_stages
from exporters.tasks.contract import NO_ADAPTERS, ExportedTask, SearchRows
from models.captions import masked_decoding_bias
from models.checkpoint import Checkpoint
from models.series import OtmvModel


@dataclass(frozen=True)
class ExportedCaptions:
    """Captions with every next word known.

    Attributes:
        pixels: uint8 `[n, side, side, 3]`.
        words: int64 `[n, length]`, beginning with BOS, padded.
        next_words: int64 `[n, length]`, the word after each; -1 past the end.
    """

    pixels: Tensor
    words: Tensor
    next_words: Tensor


class ExportedCaption(ExportedTask):
    """Captions in two passes: the picture, and a word."""

    task = CAPTION

    def stages(
        self, model: OtmvModel, capacity: AdapterCapacity = NO_ADAPTERS
    ) -> Iterator[UncompiledStage]:
        """Yield both stems, the blocks of both passes for each key, and the head."""
        return caption_stages.composed(model, capacity)

    def whole(
        self, model: OtmvModel, variant: str, pattern: SkipPattern
    ) -> tuple[UncompiledStage, ...]:
        """Return a stage for the picture and a stage for a word."""
        return caption_stages.whole(model, variant, pattern)

    def captions(
        self, checkpoint: Checkpoint, text: TextRecord, examples: Sequence[Example]
    ) -> ExportedCaptions:
        """Stack the examples that have a caption.

        Raises:
            TextError: a caption is too long.
        """
        longer = text.model_copy(update={"max_question_tokens": text.max_caption_tokens})
        codec = TextCodec(checkpoint.tokenizer, longer)
        side_px = checkpoint.model.config.image_size_of(self.task.name)
        written = [e for e in examples if e.task == self.task.name and e.caption]
        ids = [codec.encode_question(e.caption or "") for e in written]
        return ExportedCaptions(
            torch.from_numpy(np.stack([picture(e.image, side_px) for e in written])),
            padded([row[:-1] for row in ids], text.pad),
            padded([row[1:] for row in ids], -1),
        )

    @torch.inference_mode()
    def search_rows(
        self, checkpoint: Checkpoint, text: TextRecord, examples: Sequence[Example]
    ) -> SearchRows:
        """Return a row for each caption: the picture, its words, and a MASK for every next one."""
        model, given = checkpoint.model, self.captions(checkpoint, text, examples)
        image, length = model.stem.image(given.pixels), given.words.shape[1]
        image_tokens = image.shape[1]
        where = torch.arange(length)
        masks = torch.full_like(given.words, checkpoint.special.mask)
        words = [model.stem.text(given.words, where), model.stem.text(masks, where + 1)]

        def logits(y: Tensor) -> Tensor:
            found: Tensor = model.heads[self.task.name](y)
            return found

        return SearchRows(
            start=torch.cat([image, *words], dim=1),
            image_tokens=image_tokens,
            bias=masked_decoding_bias(image_tokens, length, torch.device("cpu"), torch.float32),
            read=lambda h: h[:, image_tokens + length :],
            logits=logits,
            truths=given.next_words,
        )

    def flops(
        self, model: OtmvModel, pattern: SkipPattern, text: TextRecord, composed: bool
    ) -> dict[str, int]:
        """Return the FLOPs of the last word, and of the picture."""
        cached = model.config.image_tokens_of(self.task.name) + text.max_caption_tokens
        found = (word_flops(model, pattern, cached), image_flops(model, pattern, composed))
        return dict(zip(self.task.flops_parts, found, strict=True))


def image_flops(model: OtmvModel, pattern: SkipPattern, composed: bool) -> int:
    """Return the FLOPs of a caption's image pass.

    Only keys and values are kept of the last executed order. A whole variant computes no more of
    it; a composed one has its block as a stage and runs it to the end.
    """
    tokens = model.config.image_tokens_of(CAPTION.name)
    keys = [model.key_of(order)[0] for order in pattern.executed]
    through = keys if composed else keys[:-1]
    blocks = sum(block_flops(key, tokens, tokens) for key in through)
    last = 0 if composed else 2 * tokens * matrix_macs(keys[-1].qkv[0])
    return patch_flops(model, tokens) + blocks + last


def word_flops(model: OtmvModel, pattern: SkipPattern, cached_tokens: int) -> int:
    """Return the FLOPs of one word of a caption, past the image pass."""
    keys = (model.key_of(order)[0] for order in pattern.executed)
    blocks = sum(block_flops(key, 2, cached_tokens + 2) for key in keys)
    return blocks + 2 * matrix_macs(model.heads[CAPTION.name])


EXPORTED_CAPTION = ExportedCaption()
