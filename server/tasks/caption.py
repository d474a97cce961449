"""A picture described in words: `POST /v1/caption`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, JsonValue, ValidationInfo, field_validator

from artifact.task import CAPTION
from engine.tasks.caption import CaptionInput
from engine.types import Answer
from server.answering.work import EngineRequest
from server.engine_pool import Pool
from server.requests.budget import BudgetFields
from server.requests.fields import WholeNumber, WireModel
from server.requests.json_pictures import OnePicture
from server.requests.reader import CheckedRequest, RequestShape, TaskFields
from server.tasks.answer_body import AnswerBody, AnswersBody, at_top
from server.tasks.served_task import ServedTask

LIMIT_BEAMS = 8
LIMIT_TOKENS = 512


_WHOLE_OR_GREEDY: list[JsonValue] = [
    {"properties": {"stream": {"const": False}}},
    {"properties": {"num_beams": {"const": 1}}},
]


class CaptionFields(TaskFields):
    """How a picture is described, apart from the picture."""

    model_config = ConfigDict(json_schema_extra={"anyOf": _WHOLE_OR_GREEDY})

    max_new_tokens: Annotated[int, WholeNumber(1, LIMIT_TOKENS)] | None = Field(
        default=None, description="Longest caption; default: the artifact's own limit."
    )
    num_beams: Annotated[int, WholeNumber(1, LIMIT_BEAMS)] = Field(
        default=1, description="Captions searched side by side; 1: greedy."
    )
    stream: bool = Field(
        default=False, description="Send the text while it is written, as server-sent events."
    )
    budget: BudgetFields = BudgetFields()

    @field_validator("stream")
    @classmethod
    def _only_a_greedy_text_grows(cls, stream: bool, info: ValidationInfo) -> bool:
        if stream and info.data.get("num_beams", 1) > 1:
            raise ValueError("needs num_beams 1: the text of several beams is known at the end")
        return stream


class CaptionRequest(OnePicture, CaptionFields):
    """One picture to describe."""


class CaptionSaid(WireModel):
    """What is written of a picture."""

    caption: str


class CaptionAnswer(AnswerBody, CaptionSaid):
    """A caption of the picture."""


class CaptionResponse(CaptionAnswer, AnswersBody[CaptionAnswer]):
    """A caption of the picture, in `answers`; its fields at the top are deprecated."""

    model_config = at_top(CaptionAnswer)

    task: Literal["caption"] = "caption"


def _engine_requests(asked: CheckedRequest[CaptionFields], pool: Pool) -> list[EngineRequest]:
    """Return one request; each of its beams is a row."""
    fields = asked.fields
    max_new_tokens, num_beams = fields.max_new_tokens, fields.num_beams
    pool.check_caption(max_new_tokens, num_beams)
    make_input = partial(_description, max_new_tokens, num_beams)
    return [EngineRequest(CAPTION.name, make_input, num_beams, max_new_tokens)]


def _description(
    max_new_tokens: int | None, num_beams: int, pixels: Sequence[NDArray[np.uint8]]
) -> CaptionInput:
    return CaptionInput(pixels[0], max_new_tokens, num_beams)


def _said(answer: Answer, fields: CaptionFields, place: int) -> dict[str, Any]:
    """Return a `CaptionSaid`."""
    return {"caption": answer.text or ""}


SERVED_CAPTION = ServedTask(
    name=CAPTION.name,
    asks=(CAPTION,),
    summary="Describe a picture",
    description=(
        "Describe one picture in words; budgets as for questions.\n\n"
        "With `stream` the words come as server-sent events while they are written. "
        "What is refused\nbefore the first word keeps its status."
    ),
    shape=RequestShape(CaptionFields, CaptionRequest, (1, 1)),
    answer=CaptionResponse,
    texts=lambda fields: (),
    engine_requests=_engine_requests,
    said=_said,
    at_top=True,
    streams=lambda fields: fields.stream,
    events_example=(
        'event: token\ndata: {"text": "a red"}\n\n'
        'event: token\ndata: {"text": " circle"}\n\n'
        'event: done\ndata: {"task": "caption", "answers": [{"caption": "a red circle", ...}], ...}'
        "\n\n"
    ),
)
