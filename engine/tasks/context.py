"""What tasks check inputs against, and what the checks find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifact.errors import TextError
from artifact.preprocess import TextCodec
from artifact.task import TaskName
from engine.errors import InvalidInput
from engine.residency.family import Family
from engine.rows.caption.kv_pool import KvPool

Picture = NDArray[np.uint8]
"""RGB, [S, S, 3]."""


@dataclass(frozen=True)
class CheckedInput:
    """What the checks found in a request's input.

    `tokens` of its text and their padded length, the `bucket`; `words` bounds a caption (None: the
    artifact's own limit), which has `beams`; `top_k`: how many labels the answer lists;
    `every_stop`: the answer has the vector of each stop.
    """

    tokens: Sequence[int] = ()
    bucket: int = 0
    words: int | None = None
    beams: int = 1
    top_k: int = 0
    every_stop: bool = False


@dataclass(frozen=True)
class TaskContext:
    """What tasks check inputs against and make rows with. Thread-safe.

    `texts`: where keys and values of captions lie, None where the artifact writes none; `max_beams`
    of one caption.
    """

    family: Family
    codec: TextCodec
    texts: KvPool | None
    max_beams: int

    def check_picture(self, task: TaskName, pixels: NDArray[Any]) -> None:
        """Refuse a picture that is not as the model takes it for a task.

        Raises:
            InvalidInput: it is not uint8 [S, S, 3].
        """
        side = self.family.manifest.config.image_size_of(task)
        if pixels.dtype != np.uint8 or pixels.shape != (side, side, 3):
            problem = f"must be uint8 [{side}, {side}, 3], not {pixels.dtype} {pixels.shape}"
            raise InvalidInput("image", problem)

    def encode(self, field: str, text: str) -> tuple[list[int], int]:
        """Return the token ids of a text and its padded length.

        Raises:
            InvalidInput: the model cannot read it; `field` names it.
        """
        try:
            tokens = self.codec.encode_question(text)
        except TextError as error:
            raise InvalidInput(field, str(error)) from error
        return tokens, self.family.text_bucket(len(tokens))
