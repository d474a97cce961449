"""What subjects that run here do with texts: check them, and make vectors of them in batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from artifact.errors import TextError
from artifact.preprocess import TextCodec
from cli.commands.eval.subjects import Vectors

_BATCH = 256
"""Texts whose vectors are computed together, however many an example has."""


def text_problem(codec: TextCodec, texts: Sequence[str]) -> str | None:
    """Return why one of an example's texts cannot be read, or None."""
    try:
        for text in texts:
            codec.encode_question(text)
    except TextError as error:
        return str(error)
    return None


def vectors_of_groups(
    groups: Sequence[Sequence[str]], embed: Callable[[Sequence[str]], Vectors]
) -> list[Vectors | None]:
    """Return the vectors of each group's texts; `embed` makes those of a batch of texts."""
    texts = [text for group in groups for text in group]
    found = [embed(texts[at : at + _BATCH]) for at in range(0, len(texts), _BATCH)]
    ends = np.cumsum([len(group) for group in groups])
    return [*np.split(np.concatenate(found), ends[:-1])]
