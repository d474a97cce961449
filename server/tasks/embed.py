"""A picture, or a text, as a vector: `POST /v1/embed`."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, JsonValue

from artifact.task import EMBED, EMBED_IMAGE, EMBED_TEXT
from engine.types import Answer
from server.answering.work import EngineRequest, WorkResult
from server.engine_pool import Pool
from server.requests.budget import BudgetFields
from server.requests.json_pictures import AnyPictures
from server.requests.reader import CheckedRequest, RequestShape
from server.tasks.answer_body import AnswerBody, AnswersBody
from server.tasks.served_task import ServedTask
from server.tasks.vector_requests import TextsFields, picture_request, text_request
from server.tasks.vector_space import VectorSpace, common_variant

EncodingFormat = Literal["float", "base64"]


class EmbedFields(TextsFields):
    """What becomes a vector, if it is a text, and how the vector is written."""

    encoding_format: EncodingFormat = Field(
        default="float",
        description="float: a list of numbers. base64: of the float32 numbers, little-endian.",
    )
    budget: BudgetFields = BudgetFields()


_EITHER: list[JsonValue] = [
    {"required": ["image"], "properties": {"image": {"type": "string"}}},
    {"required": ["text"], "properties": {"text": {"type": "string"}}},
    {"required": ["texts"], "properties": {"texts": {"type": "array"}}},
]


class EmbedRequest(AnyPictures, EmbedFields):
    """A picture, a text or several texts, one of the three."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _EITHER})

    image: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="The picture: base64, or a data: URL. Remote addresses are refused.",
    )

    @property
    def encoded(self) -> dict[str, str]:
        """The picture's text, if it has one."""
        return {} if self.image is None else {"image": self.image}


class EmbedSaid(VectorSpace):
    """A vector."""

    input: Literal["image", "text"]
    embedding: list[float] | str = Field(
        description="Of length 1: numbers, or base64 of their float32, as `encoding_format` says."
    )
    dimensions: int


class EmbedAnswer(AnswerBody, EmbedSaid):
    """A vector, and how it was computed."""


class EmbedResponse(AnswersBody[EmbedAnswer]):
    """The vector of a picture, or one for each text, all of one variant."""

    task: Literal["embed"] = "embed"


def _problem(fields: EmbedFields, pictures: int) -> str | None:
    given = pictures + (fields.text is not None) + (fields.texts is not None)
    return None if given == 1 else "give one of image, text and texts"


def _engine_requests(asked: CheckedRequest[EmbedFields], pool: Pool) -> list[EngineRequest]:
    texts = asked.fields.asked
    if not texts:
        return [picture_request(0)]
    return [text_request(text, pool, every_stop=len(texts) > 1) for text in texts]


def _joined(result: WorkResult) -> WorkResult:
    """Return all answers as those of one variant, so that their vectors may be compared.

    Raises:
        NoCommonVariant: there is none that each of them has passed.
    """
    least = common_variant(result.answers)
    as_least = (
        each
        if each.variant == least.variant
        else replace(
            each,
            variant=least.variant,
            executed=least.executed,
            bits=least.bits,
            executed_blocks=least.executed_blocks,
            quality=least.quality,
            degraded_because=least.degraded_because,
        )
        for each in result.answers
    )
    return replace(result, answers=list(as_least))


def _said(answer: Answer, fields: EmbedFields, place: int) -> dict[str, Any]:
    """Return an `EmbedSaid`, but for its space."""
    vector = answer.vectors[answer.variant]
    return {
        "input": "text" if fields.asked else "image",
        "embedding": written(vector, fields.encoding_format),
        "dimensions": len(vector),
    }


def written(vector: NDArray[np.float32], encoding_format: EncodingFormat) -> list[float] | str:
    """Return a vector as JSON has it: nine digits are enough for each float32."""
    if encoding_format == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(f"{value:.9g}") for value in vector.tolist()]


SERVED_EMBED = ServedTask(
    name=EMBED,
    asks=(EMBED_IMAGE, EMBED_TEXT),
    summary="Turn a picture or texts into vectors",
    description=(
        "Turn one picture, or each of several texts, into a vector of length 1; budgets as for "
        "questions. In a form, `text` may\nbe repeated.\n\n"
        "The dot product of two vectors says how well they fit, if both have the same "
        "`vector_space`. Name a `variant` to get it for all that you compare."
    ),
    shape=RequestShape(
        EmbedFields, EmbedRequest, (0, 1), lists={"text": "texts"}, problem=_problem
    ),
    answer=EmbedResponse,
    engine_requests=_engine_requests,
    texts=lambda fields: fields.asked,
    joined=_joined,
    said=_said,
    in_space=True,
)
