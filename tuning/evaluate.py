"""Measure a checkpoint's variants on a world: VQA accuracy and objects named in captions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from artifact.pattern import SkipPattern
from artifact.preprocess import TextCodec, to_pixels
from artifact.scoring import objects_named, vqa_accuracy
from models.checkpoint import Checkpoint, token_id
from tuning.pool import CAPTION_TOKENS
from tuning.tokens import PAD
from tuning.world.captions import phrases
from tuning.world.dataset import MAX_QUESTIONS, example, read_captions, read_vqa
from tuning.world.errors import WorldError
from tuning.world.questions import Kind
from tuning.world.render import seen

BATCH, GREY = 256, 128
"""Rows computed together; the level of every pixel of a blank picture."""

Row = TypeVar("Row")


@dataclass(frozen=True)
class Question:
    """One question about picture `picture` of the data, with its only right answer."""

    picture: int
    text: str
    answer: str
    kind: Kind


@dataclass(frozen=True)
class Data:
    """What is measured on.

    Attributes:
        pixels: uint8 `[pictures, side, side, 3]`.
        questions: about those pictures.
        objects: the phrases that each picture's caption must contain.
    """

    pixels: NDArray[np.uint8]
    questions: tuple[Question, ...]
    objects: tuple[tuple[str, ...], ...]

    def blank(self) -> Data:
        """Return the same data with every picture replaced by a grey one."""
        return Data(np.full_like(self.pixels, GREY), self.questions, self.objects)


@dataclass(frozen=True)
class Score:
    """Quality of one variant, each 0 to 1.

    Attributes:
        pattern: executed orders.
        vqa: mean VQA accuracy; None if the model has no such task.
        kinds: the same for each kind of question.
        caption: share of objects named; None if the model has no such task.
    """

    pattern: SkipPattern
    vqa: float | None
    kinds: dict[Kind, float]
    caption: float | None


@dataclass(frozen=True)
class _Limits:
    bos: int
    eos: int
    pad: int
    mask: int
    max_question_tokens: int


def generated(seed: int, count: int, questions: int, side_px: int) -> Data:
    """Make the data that `otmv world --seed --count --questions` would have written.

    Raises:
        WorldError: a number is out of range.
    """
    if count < 1 or not 1 <= questions <= MAX_QUESTIONS:
        problem = f"cannot ask {questions} questions about each of {count} pictures"
        raise WorldError(problem, f"use 1 to {MAX_QUESTIONS} questions and at least 1 picture")
    pixels, asked, objects = [], [], []
    for index in range(count):
        scene, found, _ = example(seed, index, questions)
        pixels.append(seen(scene, side_px))
        asked += [Question(index, each.question, each.answer, each.kind) for each in found]
        objects.append(tuple(phrases(scene)))
    return Data(np.stack(pixels), tuple(asked), tuple(objects))


def from_folder(folder: Path, side_px: int) -> Data:
    """Read a world that `otmv world` wrote.

    Raises:
        WorldError: a file is missing or broken.
    """
    captions = read_captions(folder)
    place = {record.image: index for index, record in enumerate(captions)}
    pixels = [_picture(folder / record.image, side_px) for record in captions]
    try:
        asked = tuple(
            Question(place[each.image], each.question, each.answer, each.kind)
            for each in read_vqa(folder)
        )
    except KeyError as error:
        raise WorldError(f"{folder} has no caption of {error}", "write it anew") from error
    if not asked:
        raise WorldError(f"{folder} has no questions", "write it anew")
    return Data(np.stack(pixels), asked, tuple(record.objects for record in captions))


def ladder(orders: int) -> list[SkipPattern]:
    """Return the prefixes of the whole stack, shortest first; the last executes every order."""
    full = SkipPattern.full(orders)
    return [full.prefix(depth) for depth in range(1, orders + 1)]


class Evaluation:
    """A checkpoint and the data it is measured on; computes in fp32.

    Args:
        checkpoint: its model is moved to `device`.
        data: pictures of the model's side.
        device: where to compute.
    """

    def __init__(self, checkpoint: Checkpoint, data: Data, device: torch.device) -> None:
        config, special = checkpoint.model.config, checkpoint.special
        pad = token_id(checkpoint.tokenizer, PAD)
        limits = _Limits(special.bos, special.eos, pad, special.mask, config.max_text_positions)
        self._checkpoint, self._data, self._device, self._pad = checkpoint, data, device, pad
        self._model = checkpoint.model.to(device).eval()
        self._codec = TextCodec(checkpoint.tokenizer, limits)
        self._caption_tokens = min(CAPTION_TOKENS, config.max_text_positions) - 1

    def score(
        self, pattern: SkipPattern, on_progress: Callable[[float], None] | None = None
    ) -> Score:
        """Measure one variant.

        Args:
            pattern: executed orders.
            on_progress: called with the share done.

        Raises:
            TextError: a question is longer than the model reads.
        """
        tasks = self._model.config.tasks
        report = on_progress or (lambda share: None)
        shares: dict[Kind, list[float]] = defaultdict(list)
        caption = None
        if "vqa" in tasks:
            for kind, share in self._answer(pattern, lambda done: report(done / len(tasks))):
                shares[kind].append(share)
        if "caption" in tasks:
            told = self._tell(pattern, lambda done: report(1 - (1 - done) / len(tasks)))
            caption = objects_named(told, self._data.objects)
        every = [share for each in shares.values() for share in each]
        return Score(
            pattern,
            float(np.mean(every)) if every else None,
            {kind: float(np.mean(each)) for kind, each in sorted(shares.items())},
            caption,
        )

    def _answer(
        self, pattern: SkipPattern, report: Callable[[float], None]
    ) -> Iterator[tuple[Kind, float]]:
        """Yield the kind and the accuracy of every question."""
        labels = self._checkpoint.labels
        for rows in _batches(self._data.questions, report):
            tokens = self._padded([self._codec.encode_question(row.text) for row in rows])
            pixels = self._pixels([row.picture for row in rows])
            with torch.inference_mode():
                logits = self._model.vqa(pixels, tokens, tokens != self._pad, pattern.executed)
            for row, label in zip(rows, logits.argmax(-1).tolist(), strict=True):
                yield row.kind, vqa_accuracy(labels[label], [row.answer])

    def _tell(self, pattern: SkipPattern, report: Callable[[float], None]) -> Iterator[str]:
        """Yield every picture's caption."""
        special = self._checkpoint.special
        for rows in _batches(range(len(self._data.pixels)), report):
            written = self._model.generate(
                self._pixels(rows), special, pattern.executed, self._caption_tokens
            )
            for ids in written.tolist():
                yield self._codec.decode(ids)

    def _pixels(self, pictures: Sequence[int]) -> Tensor:
        return torch.from_numpy(self._data.pixels[np.asarray(pictures)]).to(self._device)

    def _padded(self, questions: list[list[int]]) -> Tensor:
        """Pad to the longest: int64 `[batch, length]`."""
        length = max(map(len, questions))
        rows = [ids + [self._pad] * (length - len(ids)) for ids in questions]
        return torch.tensor(rows, device=self._device)


def _batches(rows: Sequence[Row], report: Callable[[float], None]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
        report(min(1.0, (start + BATCH) / len(rows)))


def _picture(path: Path, side_px: int) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            return to_pixels(image.convert("RGB"), side_px)
    except (OSError, UnidentifiedImageError) as error:
        raise WorldError(f"cannot read the picture {path}", "write the world anew") from error
