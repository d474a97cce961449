"""A statement about two pictures, true or false: `POST /v1/reason`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from artifact.scoring.measures import TRUTHS
from artifact.task import REASON
from engine.tasks.reason import ReasonInput
from engine.types import Answer
from server.answering.numbers import share
from server.answering.work import EngineRequest
from server.engine_pool import Pool
from server.requests.budget import BudgetFields
from server.requests.fields import Text, WireModel
from server.requests.json_pictures import TwoPictures
from server.requests.reader import CheckedRequest, RequestShape, TaskFields
from server.tasks.answer_body import AnswerBody, AnswersBody, at_top
from server.tasks.served_task import ServedTask

Statement = Annotated[
    Text,
    Field(
        description="About the two pictures, in as many tokens as the model reads at most.",
        examples=["there is a circle in both pictures"],
    ),
]


class ReasonFields(TaskFields):
    """What is said about two pictures, apart from the pictures."""

    statement: Statement
    budget: BudgetFields = BudgetFields()


class ReasonRequest(TwoPictures, ReasonFields):
    """A statement about two pictures."""


class ReasonSaid(WireModel):
    """What is said of a statement."""

    statement: str
    answer: bool
    score: float = Field(description="Softmax score of the answer given.")


class ReasonAnswer(AnswerBody, ReasonSaid):
    """Whether a statement holds for two pictures."""


class ReasonResponse(ReasonAnswer, AnswersBody[ReasonAnswer]):
    """Whether a statement holds, in `answers`; its fields at the top are deprecated."""

    model_config = at_top(ReasonAnswer)

    task: Literal["reason"] = "reason"


def _engine_requests(asked: CheckedRequest[ReasonFields], pool: Pool) -> list[EngineRequest]:
    fields = asked.fields
    tokens = pool.check_question(fields.statement)
    make_input = partial(_judgement, fields.statement)
    return [EngineRequest(REASON.name, make_input, REASON.rows, tokens)]


def _judgement(statement: str, pixels: Sequence[NDArray[np.uint8]]) -> ReasonInput:
    left, right = pixels
    return ReasonInput((left, right), statement)


def _said(answer: Answer, fields: ReasonFields, place: int) -> dict[str, Any]:
    """Return a `ReasonSaid`."""
    label, score = answer.labels[0]
    return {
        "statement": fields.statement,
        "answer": label == TRUTHS[True],
        "score": share(score),
    }


SERVED_REASON = ServedTask(
    name=REASON.name,
    asks=(REASON,),
    summary="Judge a statement about two pictures",
    description=(
        "Say whether a statement about a left and a right picture holds; budgets as for questions."
    ),
    shape=RequestShape(ReasonFields, ReasonRequest, (2, 2)),
    answer=ReasonResponse,
    texts=lambda fields: (fields.statement,),
    engine_requests=_engine_requests,
    said=_said,
    at_top=True,
)
