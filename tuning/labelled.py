"""What a checkpoint is measured on: a world, generated or read from a folder."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from artifact.preprocess import to_pixels
from tuning.world.captions import phrases
from tuning.world.dataset import (
    MAX_QUESTIONS,
    example,
    pair,
    read_captions,
    read_pairs,
    read_vqa,
)
from tuning.world.errors import WorldError
from tuning.world.questions import Kind
from tuning.world.render import seen
from tuning.world.statements import Kind as StatementKind

GREY = 128
"""Level of every pixel of a blank picture."""

STATEMENTS = 2
"""Statements about each generated pair of pictures, as `otmv world` makes them."""


@dataclass(frozen=True)
class Question:
    """One question about picture `picture` of the data, with its only right answer."""

    picture: int
    text: str
    answer: str
    kind: Kind


@dataclass(frozen=True)
class PairStatement:
    """One statement about pictures `left` and `right` of the data, and whether it is true."""

    left: int
    right: int
    text: str
    truth: bool
    kind: StatementKind


@dataclass(frozen=True)
class LabelledData:
    """What is measured on.

    Attributes:
        pixels: uint8 `[pictures, side, side, 3]`.
        questions: about the pictures.
        objects: the phrases that each picture's caption must contain.
        statements: about pairs of the pictures.
        captions: of every picture, its own.
    """

    pixels: NDArray[np.uint8]
    questions: tuple[Question, ...]
    objects: tuple[tuple[str, ...], ...]
    statements: tuple[PairStatement, ...] = ()
    captions: tuple[str, ...] = ()

    def blank(self) -> LabelledData:
        """Return the same data with every picture replaced by a grey one."""
        return dataclasses.replace(self, pixels=np.full_like(self.pixels, GREY))


def generated(seed: int, count: int, questions: int, side_px: int) -> LabelledData:
    """Make the data that `otmv world --seed --count --questions` would have written.

    Raises:
        WorldError: a number is out of range.
    """
    if count < 1 or not 1 <= questions <= MAX_QUESTIONS:
        problem = f"cannot ask {questions} questions about each of {count} pictures"
        raise WorldError(problem, f"use 1 to {MAX_QUESTIONS} questions and at least 1 picture")
    pixels, asked, objects, captions = [], [], [], []
    for index in range(count):
        scene, found, caption = example(seed, index, questions)
        pixels.append(seen(scene, side_px))
        asked += [Question(index, each.question, each.answer, each.kind) for each in found]
        objects.append(tuple(phrases(scene)))
        captions.append(caption)
    stated = [
        PairStatement(index - 1, index, each.text, each.truth, each.kind)
        for index in range(1, count)
        for each in pair(seed, index, STATEMENTS)
    ]
    return LabelledData(
        np.stack(pixels), tuple(asked), tuple(objects), tuple(stated), tuple(captions)
    )


def from_folder(folder: Path, side_px: int) -> LabelledData:
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
        stated = tuple(
            PairStatement(
                place[each.left], place[each.right], each.statement, each.truth, each.kind
            )
            for each in read_pairs(folder)
        )
    except KeyError as error:
        raise WorldError(f"{folder} has no caption of {error}", "write it anew") from error
    if not asked:
        raise WorldError(f"{folder} has no questions", "write it anew")
    return LabelledData(
        np.stack(pixels),
        asked,
        tuple(record.objects for record in captions),
        stated,
        tuple(record.caption for record in captions),
    )


def _picture(path: Path, side_px: int) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            return to_pixels(image.convert("RGB"), side_px)
    except (OSError, UnidentifiedImageError) as error:
        raise WorldError(f"cannot read the picture {path}", "write the world anew") from error
