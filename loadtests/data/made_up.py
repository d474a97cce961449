"""A data set in VQA v2's format, of any size, with pictures of 640 x 480."""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from PIL import Image

QUESTIONS, PICTURES = 443_757, 82_783
"""Of VQA v2's train split."""

SPLIT = "train2014"
ANSWERS = 10
_SIZE_PX = (640, 480)
_DIFFERENT = 24
"""Pictures that differ; all others are links to them."""
_LINKS = 30_000
"""Names of one file, at most; file systems have limits."""
_QUALITY = 90
_WORDS = [
    "what",
    "is",
    "the",
    "color",
    "of",
    "how",
    "many",
    "people",
    "are",
    "there",
    "in",
    "on",
    "a",
    "man",
    "woman",
    "dog",
    "cat",
    "table",
]


def write_vqav2(folder: Path, questions: int, pictures: int, seed: int) -> None:
    """Write a train split: files as the public ones, down to the answers' confidence.

    Args:
        folder: to be made.
        questions: how many.
        pictures: how many they are about, in turn.
        seed: of everything.
    """
    folder.mkdir(parents=True)
    _write_pictures(folder / SPLIT, pictures, seed)
    draw = random.Random(seed)
    head: dict[str, Any] = {
        "info": {"description": "made up for a benchmark", "version": "2.0"},
        "license": {"name": "none"},
        "data_type": "mscoco",
        "data_subtype": SPLIT,
    }
    asked = folder / f"v2_OpenEnded_mscoco_{SPLIT}_questions.json"
    answered = folder / f"v2_mscoco_{SPLIT}_annotations.json"
    with asked.open("w") as q, answered.open("w") as a:
        texts = _texts(draw)
        vocabulary = [f"{draw.choice(_WORDS)} {n}" for n in range(20_000)]
        question = _Array(q, head, "questions")
        annotation = _Array(a, head, "annotations")
        for number in range(questions):
            image = number % pictures
            key = {"question_id": 1000 * number, "image_id": image}
            question.add({**key, "question": next(texts)})
            annotation.add({**key, **_answers(draw, vocabulary)})
        question.end()
        annotation.end()


def _texts(draw: random.Random) -> Iterator[str]:
    while True:
        yield " ".join(draw.choices(_WORDS, k=draw.randint(4, 9))).capitalize() + "?"


def _answers(draw: random.Random, vocabulary: list[str]) -> dict[str, Any]:
    most = draw.choice(vocabulary)
    given = [most if draw.random() < 0.6 else draw.choice(vocabulary) for _ in range(ANSWERS)]
    return {
        "question_type": "what is the",
        "answer_type": "other",
        "multiple_choice_answer": most,
        "answers": [
            {"answer": text, "answer_confidence": "yes", "answer_id": number}
            for number, text in enumerate(given, 1)
        ],
    }


class _Array:
    """Writes an object whose last field is an array, element by element."""

    def __init__(self, file: TextIO, head: dict[str, Any], name: str) -> None:
        self._file, self._separator = file, ""
        file.write(f'{json.dumps(head)[:-1]}, "{name}": [')

    def add(self, element: dict[str, Any]) -> None:
        self._file.write(self._separator + json.dumps(element))
        self._separator = ", "

    def end(self) -> None:
        self._file.write("]}")


def _write_pictures(folder: Path, count: int, seed: int) -> None:
    """Write photographs that differ, and links to them under the names of all others."""
    folder.mkdir()
    for number in range(count):
        path = folder / f"COCO_{SPLIT}_{number:012d}.jpg"
        original = number % _DIFFERENT + number // (_DIFFERENT * _LINKS) * _DIFFERENT * _LINKS
        if original == number:
            path.write_bytes(photograph(seed + number))
        else:
            os.link(folder / f"COCO_{SPLIT}_{original:012d}.jpg", path)


def photograph(seed: int) -> bytes:
    """Return a JPEG with large shapes and fine grain, as many bytes as a photograph's."""
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 255, (24, 32, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(_SIZE_PX, Image.Resampling.BICUBIC)).astype(np.int16)
    grain = draw.integers(-12, 13, smooth.shape, dtype=np.int16)
    buffer = io.BytesIO()
    pixels = (smooth + grain).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
