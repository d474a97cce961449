"""The rendered pool: pictures as the server would see them, questions and captions as token ids."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tuning.tokens import BOS, EOS, PAD, world_tokenizer
from tuning.world.dataset import example, pair
from tuning.world.questions import KINDS
from tuning.world.render import seen
from tuning.world.vocabulary import ANSWERS

QUESTION_TOKENS, CAPTION_TOKENS = 18, 30
"""Longest question or statement, and longest caption of the world, BOS and EOS included."""


@dataclass(frozen=True)
class PicturePool:
    """Everything one run tunes on.

    Attributes:
        pixels: uint8 `[pictures, side, side, 3]`.
        questions: int64 `[pictures, questions, QUESTION_TOKENS]`, padded.
        answers: int64 `[pictures, questions]`, index of the answer.
        kinds: int64 `[pictures, questions]`, index into the world's `KINDS`.
        captions: int64 `[pictures, CAPTION_TOKENS]`, BOS words EOS, padded.
        statements: int64 `[pictures - 1, statements, QUESTION_TOKENS]`, padded; row i is about
            pictures i (left) and i + 1.
        truths: int64 `[pictures - 1, statements]`, 1 where the statement is true.
    """

    pixels: NDArray[np.uint8]
    questions: NDArray[np.int64]
    answers: NDArray[np.int64]
    kinds: NDArray[np.int64]
    captions: NDArray[np.int64]
    statements: NDArray[np.int64]
    truths: NDArray[np.int64]

    @cached_property
    def of_kind(self) -> tuple[NDArray[np.int64], ...]:
        """For each kind, the flat indices of its questions."""
        return tuple(np.flatnonzero(self.kinds == kind) for kind in range(len(KINDS)))


_COLUMNS = ("pixels", "questions", "answers", "kinds", "captions", "statements", "truths")
_STATEMENTS = 4
"""Statements about each pair of pictures."""

Ids = NDArray[np.int64]
Row = tuple[NDArray[np.uint8], Ids, Ids, Ids, Ids, Ids, Ids]


def render_pool(
    seed: int,
    pictures: int,
    questions: int,
    side_px: int,
    cache: Path,
    on_progress: Callable[[float], None] | None = None,
) -> PicturePool:
    """Render a pool on every core, or read it back from the cache.

    Args:
        seed: world seed.
        pictures: how many scenes.
        questions: questions for each.
        side_px: side of the model's picture.
        cache: folder for the rendered file.
        on_progress: called with the share done.
    """
    name = hashlib.sha256(f"8/{seed}/{pictures}/{questions}/{side_px}".encode()).hexdigest()[:12]
    path = cache / f"pool-{name}.npz"
    if not path.exists():
        _write(path, _render(seed, pictures, questions, side_px, on_progress))
    with np.load(path, allow_pickle=False) as stored:
        return PicturePool(*(stored[key] for key in _COLUMNS))


def _write(path: Path, pool: PicturePool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".tmp-{os.getpid()}.npz")
    try:
        np.savez(temporary, **{key: getattr(pool, key) for key in _COLUMNS})
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _render(
    seed: int,
    pictures: int,
    questions: int,
    side_px: int,
    on_progress: Callable[[float], None] | None,
) -> PicturePool:
    jobs = ((seed, index, questions, side_px) for index in range(pictures))
    rows: list[Row] = []
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as workers:
        for row in _progress(workers.imap(_row, jobs, chunksize=64), pictures, on_progress):
            rows.append(row)
    columns = dict(zip(_COLUMNS, map(np.stack, zip(*rows, strict=True)), strict=True))
    for of_pairs in ("statements", "truths"):
        columns[of_pairs] = columns[of_pairs][1:]
    return PicturePool(**columns)


def _progress(
    rows: Iterator[Row], total: int, on_progress: Callable[[float], None] | None
) -> Iterator[Row]:
    for done, row in enumerate(rows, 1):
        if on_progress and done % 64 == 0:
            on_progress(done / total)
        yield row


def _row(job: tuple[int, int, int, int]) -> Row:
    seed, index, questions, side_px = job
    scene, asked, caption = example(seed, index, questions)
    stated = pair(seed, max(index, 1), _STATEMENTS)  # picture 0 has none to its left: left out
    return (
        seen(scene, side_px),
        np.stack([_ids(qa.question, QUESTION_TOKENS) for qa in asked]),
        np.array([ANSWERS.index(qa.answer) for qa in asked], dtype=np.int64),
        np.array([KINDS.index(qa.kind) for qa in asked], dtype=np.int64),
        _ids(caption, CAPTION_TOKENS),
        np.stack([_ids(each.text, QUESTION_TOKENS) for each in stated]),
        np.array([each.truth for each in stated], dtype=np.int64),
    )


_TOKENIZER = world_tokenizer()


def _ids(text: str, length: int) -> NDArray[np.int64]:
    """Encode as BOS words EOS, padded; the world never writes more than `length`."""
    special = {token: _TOKENIZER.token_to_id(token) for token in (BOS, EOS, PAD)}
    ids = [special[BOS], *_TOKENIZER.encode(text).ids, special[EOS]]
    if len(ids) > length:
        raise ValueError(f"{len(ids)} tokens, at most {length}: {text!r}")
    return np.array(ids + [special[PAD]] * (length - len(ids)), dtype=np.int64)
