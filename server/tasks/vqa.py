"""Questions about one picture: `POST /v1/vqa`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, JsonValue, model_validator

from artifact.task import VQA
from engine.tasks.vqa import VqaInput
from engine.types import Answer
from server.answering.numbers import share
from server.answering.work import EngineRequest
from server.engine_pool import Pool
from server.requests.budget import BudgetFields
from server.requests.fields import Text, WholeNumber, WireModel
from server.requests.json_pictures import OnePicture
from server.requests.reader import CheckedRequest, RequestShape, TaskFields
from server.tasks.answer_body import AnswerBody, AnswersBody
from server.tasks.served_task import ServedTask

LIMIT_QUESTIONS = 32
LIMIT_TOP_K = 100

Question = Annotated[
    Text,
    Field(
        description="A question about the picture, in as many tokens as the model reads at most.",
        examples=["what color is the circle?"],
    ),
]


_EITHER: list[JsonValue] = [
    {"required": ["question"], "properties": {"question": {"type": "string"}}},
    {"required": ["questions"], "properties": {"questions": {"type": "array"}}},
]


class VqaFields(TaskFields):
    """What is asked about a picture, apart from the picture: `question` or `questions`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _EITHER})

    question: Question | None = None
    questions: list[Question] | None = Field(
        default=None, min_length=1, max_length=LIMIT_QUESTIONS, fail_fast=True
    )
    top_k: Annotated[int, WholeNumber(1, LIMIT_TOP_K)] = Field(
        default=5, description="Answers to return for each question."
    )
    budget: BudgetFields = BudgetFields()

    @model_validator(mode="after")
    def _one_way_to_ask(self) -> Self:
        if (self.question is None) == (self.questions is None):
            raise ValueError("give either question or questions")
        return self

    @property
    def asked(self) -> list[str]:
        """Return the questions in order, whichever way they were given."""
        return self.questions if self.questions is not None else [self.question or ""]


class VqaRequest(OnePicture, VqaFields):
    """Questions about one picture."""


class ScoredAnswer(WireModel):
    """One candidate answer and its softmax score."""

    answer: str
    score: float


class VqaSaid(WireModel):
    """What is answered to one question."""

    question: str
    answer: str
    score: float
    top_k: list[ScoredAnswer]


class VqaAnswer(AnswerBody, VqaSaid):
    """The answer to one question."""


class VqaResponse(AnswersBody[VqaAnswer]):
    """One answer per question, in the order asked."""

    task: Literal["vqa"] = "vqa"


def _engine_requests(asked: CheckedRequest[VqaFields], pool: Pool) -> list[EngineRequest]:
    """Return one request per question."""
    fields = asked.fields
    return [
        EngineRequest(
            VQA.name,
            partial(_question, question, fields.top_k),
            VQA.rows,
            pool.check_question(question),
        )
        for question in fields.asked
    ]


def _question(question: str, top_k: int, pixels: Sequence[NDArray[np.uint8]]) -> VqaInput:
    return VqaInput(pixels[0], question, top_k)


def _said(answer: Answer, fields: VqaFields, place: int) -> dict[str, Any]:
    """Return a `VqaSaid`."""
    top_k = [{"answer": label, "score": share(score)} for label, score in answer.labels]
    return {"question": fields.asked[place], **top_k[0], "top_k": top_k}


SERVED_VQA = ServedTask(
    name=VQA.name,
    asks=(VQA,),
    summary="Answer questions about a picture",
    description=(
        "Answer one or several questions about one picture, each with the best variant it can "
        "have.\n\nThe budget may also be given by `X-Otmv-*` headers; a field in the body wins "
        "over its header."
    ),
    shape=RequestShape(VqaFields, VqaRequest, (1, 1), lists={"question": "questions"}),
    answer=VqaResponse,
    texts=lambda fields: fields.asked,
    engine_requests=_engine_requests,
    said=_said,
)
