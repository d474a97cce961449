"""A checkpoint and the data it is measured on, as tensors of the right shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from artifact.pattern import SkipPattern
from artifact.preprocess import TextCodec
from artifact.task import Task
from models.checkpoint import Checkpoint, token_id
from models.embeddings import embed_images, embed_texts
from tuning.labelled import LabelledData
from tuning.tokens import PAD

BATCH = 256
"""Requests computed together."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class _CodecLimits:
    bos: int
    eos: int
    pad: int
    mask: int
    max_question_tokens: int


class AnsweringModel:
    """A checkpoint that answers, in fp32.

    Args:
        checkpoint: its model is moved to `device`.
        device: where to compute.

    Attributes:
        model: in eval mode, on `device`.
        codec: turns texts into token ids and back.
        special: ids of BOS, EOS and MASK.
        pad_id: id of PAD.
    """

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        self.model = checkpoint.model.to(device).eval()
        self.special = special = checkpoint.special
        self.pad_id = token_id(checkpoint.tokenizer, PAD)
        longest = self.model.config.max_text_positions
        limits = _CodecLimits(special.bos, special.eos, self.pad_id, special.mask, longest)
        self.codec = TextCodec(checkpoint.tokenizer, limits)
        self._answers, self._device = checkpoint.labels, device

    def labels_of(self, task: Task) -> tuple[str, ...]:
        """Return what the task's logits say: its own labels, or the checkpoint's answers."""
        return self._answers if task.labels is None else task.labels

    def tokens(self, texts: Sequence[str]) -> Tensor:
        """Return the ids of texts, padded to the longest: int64 `[texts, length]`.

        Raises:
            TextError: a text is longer than the model reads.
        """
        ids = [self.codec.encode_question(text) for text in texts]
        length = max(map(len, ids))
        padded = [each + [self.pad_id] * (length - len(each)) for each in ids]
        return torch.tensor(padded, device=self._device)

    def labels(
        self, task: Task, pattern: SkipPattern, pixels: Tensor, texts: Sequence[str]
    ) -> list[str]:
        """Return the label that a variant gives each text about its pictures.

        Args:
            task: which head answers.
            pattern: executed orders.
            pixels: uint8 `[pictures, side, side, 3]`, each text's beside each other.
            texts: questions or statements.

        Raises:
            TextError: a text is longer than the model reads.
        """
        if task.rows > 1:
            pixels = pixels.view(-1, task.rows, *pixels.shape[1:])
        tokens, labels = self.tokens(texts), self.labels_of(task)
        with torch.inference_mode():
            logits = self.model.answer(
                task, pixels, tokens, tokens != self.pad_id, pattern.executed
            )
        return [labels[label] for label in logits.argmax(-1).tolist()]

    def captions(self, pattern: SkipPattern, pixels: Tensor, longest: int) -> list[str]:
        """Return what a variant writes about each picture, in `longest` - 1 tokens at most."""
        longest = min(longest, self.model.config.max_text_positions) - 1
        written = self.model.generate(pixels, self.special, pattern.executed, longest)
        return [self.codec.decode(ids) for ids in written.tolist()]

    def answers(
        self, task: Task, pattern: SkipPattern, pixels: NDArray[np.uint8], texts: Sequence[str]
    ) -> list[str]:
        """Return a variant's answers, labels or captions; see `labels`.

        Raises:
            TextError: a text is longer than the model reads.
        """
        shown = torch.from_numpy(pixels).to(self._device)
        if task.writes:
            return self.captions(pattern, shown, self.model.config.max_text_positions)
        return self.labels(task, pattern, shown, texts)

    @torch.inference_mode()
    def picture_vectors(self, pattern: SkipPattern, pixels: Tensor) -> Tensor:
        """Return a variant's vectors of pictures, uint8 `[n, side, side, 3]`: fp32 `[n, width]`."""
        return embed_images(self.model, pixels.to(self._device), pattern.executed)

    @torch.inference_mode()
    def text_vectors(self, pattern: SkipPattern, texts: Sequence[str]) -> Tensor:
        """Return a variant's vectors of texts, at least one: fp32 `[n, width]`.

        Raises:
            TextError: a text is longer than the model reads.
        """
        tokens = self.tokens(texts)
        return embed_texts(self.model, tokens, tokens != self.pad_id, pattern.executed)


class Evaluation(AnsweringModel):
    """A checkpoint and the data it is measured on.

    Args:
        checkpoint: its model is moved to `device`.
        data: pictures of the model's side.
        device: where to compute.

    Attributes:
        data: the same.
    """

    def __init__(self, checkpoint: Checkpoint, data: LabelledData, device: torch.device) -> None:
        super().__init__(checkpoint, device)
        self.data = data

    def pixels(self, pictures: Sequence[int]) -> Tensor:
        """Return some pictures of the data: uint8 `[pictures, side, side, 3]`."""
        return torch.from_numpy(self.data.pixels[np.asarray(pictures)]).to(self._device)

    def batches(
        self, items: Sequence[Item], report: Callable[[float], None]
    ) -> Iterator[Sequence[Item]]:
        """Yield all items in batches; after each, `report` is called with the share done."""
        for start in range(0, len(items), BATCH):
            yield items[start : start + BATCH]
            report(min(1.0, (start + BATCH) / len(items)))
