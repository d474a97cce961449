"""What one variant gives for pictures and tokens, run by a Solo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifact.task import CAPTION, REASON, TASKS, VQA
from engine.opening.solo import Solo
from engine.residency.family import Family
from engine.rows.caption.beams import BeamSearch
from engine.rows.caption.kv_pool import KvPool
from engine.rows.caption.row import CaptionRow
from engine.rows.joint import JointRow
from engine.rows.one_pass import OnePassRow

Pixels = NDArray[Any]


def question_row(
    family: Family, variant: str, pixels: Pixels, tokens: Sequence[int], task: str = VQA.name
) -> OnePassRow:
    """Return the row of a question (or of one picture of a statement) at its first step."""
    program = family.member(task, variant).programs[0]
    length = family.text_bucket(len(tokens))
    return OnePassRow(family.manifest, TASKS[task], program, pixels, tokens, length)


def statement_row(
    family: Family, variant: str, pixels: Sequence[Pixels], tokens: Sequence[int]
) -> JointRow:
    """Return the row of a statement about two pictures at its first step."""
    return JointRow([question_row(family, variant, each, tokens, REASON.name) for each in pixels])


def caption_row(
    family: Family,
    variant: str,
    pixels: Pixels,
    pool: KvPool,
    max_new: int | None = None,
    beams: int = 1,
) -> CaptionRow:
    """Return the row of a caption at its first step; `max_new` words at most, [EOS] counted."""
    manifest = family.manifest
    limit = manifest.text.max_caption_tokens - 1
    words = limit if max_new is None else min(max_new, limit)
    image = family.member(CAPTION.name, variant).programs[0]
    search = BeamSearch(beams, manifest.text.eos, words)
    return CaptionRow(image, pool, pixels, search, manifest.stages)


def vqa_logits(
    solo: Solo, variant: str, pixels: Sequence[Pixels], tokens: Sequence[Sequence[int]]
) -> NDArray[np.float32]:
    """Return logits [n, V] for n pictures [S, S, 3] and encoded questions."""
    pairs = zip(pixels, tokens, strict=True)
    return solo.logits([question_row(solo.family, variant, *pair) for pair in pairs])


def reason_logits(
    solo: Solo,
    variant: str,
    pixels: Sequence[tuple[Pixels, Pixels]],
    tokens: Sequence[Sequence[int]],
) -> NDArray[np.float32]:
    """Return logits [n, 2] (false, true) for n pairs of pictures and encoded statements."""
    pairs = zip(pixels, tokens, strict=True)
    return solo.logits([statement_row(solo.family, variant, *pair) for pair in pairs])


def caption_words(
    solo: Solo,
    variant: str,
    pixels: Sequence[Pixels],
    max_new_tokens: int | None = None,
    beams: int = 1,
) -> list[list[int]]:
    """Return the words (token ids without [BOS] and [EOS]) for n pictures [S, S, 3]."""
    if solo.texts is None:
        raise ValueError("the artifact has no captions")
    rows = [
        caption_row(solo.family, variant, each, solo.texts, max_new_tokens, beams)
        for each in pixels
    ]
    return solo.words(rows, solo.family.member(CAPTION.name, variant).programs)
