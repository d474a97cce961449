"""A statement about two pictures, true or false: `POST /v1/reason`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from artifact.task import REASON, TRUTHS
from engine.tasks.reason import ReasonInput
from server.answering.work import EngineRequest, WorkResult
from server.engine_pool import Pool
from server.requests.budget import BudgetFields
from server.requests.fields import Text
from server.requests.json_pictures import TwoPictures
from server.requests.reader import RequestShape, TaskFields
from server.tasks.answer_body import AnswerBody, how_computed
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


class ReasonResponse(AnswerBody):
    """Whether a statement holds for two pictures."""

    request_id: str
    task: Literal["reason"] = "reason"
    statement: str
    answer: bool
    score: float = Field(description="Softmax score of the answer given.")


def _engine_requests(fields: ReasonFields, pool: Pool) -> list[EngineRequest]:
    tokens = pool.check_question(fields.statement)
    return [EngineRequest(partial(_judgement, fields.statement), REASON.rows, tokens)]


def _judgement(statement: str, pixels: Sequence[NDArray[np.uint8]]) -> ReasonInput:
    left, right = pixels
    return ReasonInput((left, right), statement)


def _body(result: WorkResult, fields: ReasonFields, request_id: str) -> dict[str, Any]:
    """Return a `ReasonResponse`."""
    label, score = result.answers[0].labels[0]
    own = {
        "request_id": request_id,
        "task": REASON.name,
        "statement": fields.statement,
        "answer": label == TRUTHS[True],
        "score": score,
    }
    return how_computed(result, 0) | own


SERVED_REASON = ServedTask(
    task=REASON,
    summary="Judge a statement about two pictures",
    description=(
        "Say whether a statement about a left and a right picture holds; budgets as for questions."
    ),
    shape=RequestShape(ReasonFields, ReasonRequest, REASON.pictures),
    answer=ReasonResponse,
    texts=lambda fields: (fields.statement,),
    engine_requests=_engine_requests,
    body=_body,
)
