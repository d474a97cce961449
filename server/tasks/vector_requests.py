"""What is asked of vectors: pictures and texts of a request, each a request to the engine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from artifact.task import EMBED_IMAGE, EMBED_TEXT
from engine.tasks.embed import EmbedImageInput, EmbedTextInput
from server.answering.work import EngineRequest
from server.engine_pool import Pool
from server.requests.fields import Text
from server.requests.reader import TaskFields

LIMIT_VECTORS = 32
"""Texts of one request, or pictures that are ranked."""

EmbeddedText = Annotated[
    Text,
    Field(
        description="A text, in as many tokens as the model reads at most.",
        examples=["a small red circle and a large blue square"],
    ),
]


class TextsFields(TaskFields):
    """One text, or several."""

    text: EmbeddedText | None = None
    texts: list[EmbeddedText] | None = Field(
        default=None, min_length=1, max_length=LIMIT_VECTORS, fail_fast=True
    )

    @property
    def asked(self) -> list[str]:
        """Return the texts in order, whichever way they were given."""
        if self.texts is not None:
            return self.texts
        return [] if self.text is None else [self.text]


def picture_request(place: int, every_stop: bool = False) -> EngineRequest:
    """Return what the engine is asked about the picture at a place of the request's."""
    make_input = partial(_picture, place, every_stop)
    return EngineRequest(EMBED_IMAGE.name, make_input, EMBED_IMAGE.rows, None)


def text_request(text: str, pool: Pool, every_stop: bool = False) -> EngineRequest:
    """Return what the engine is asked about a text.

    Raises:
        TextError: the model cannot read it.
    """
    tokens = pool.check_question(text)
    return EngineRequest(EMBED_TEXT.name, partial(_text, text, every_stop), EMBED_TEXT.rows, tokens)


def _picture(place: int, every_stop: bool, pixels: Sequence[NDArray[np.uint8]]) -> EmbedImageInput:
    return EmbedImageInput(pixels[place], every_stop)


def _text(text: str, every_stop: bool, pixels: Sequence[NDArray[np.uint8]]) -> EmbedTextInput:
    return EmbedTextInput(text, every_stop)
