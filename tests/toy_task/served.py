"""6. The server: the fields of a request, what the engine is asked, and the body of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.types import Answer
from server.answering.work import EngineRequest
from server.engine_pool import Pool
from server.requests.budget import BudgetFields
from server.requests.fields import Text
from server.requests.json_pictures import OnePicture
from server.requests.reader import CheckedRequest, RequestShape, TaskFields
from server.tasks.answer_body import AnswerBody, AnswersBody
from server.tasks.served_task import ServedTask
from tests.toy_task.task import SIZE
from tests.toy_task.worked import SizeInput


class SizeFields(TaskFields):
    """What is asked about a picture, apart from the picture."""

    prompt: Text
    budget: BudgetFields = BudgetFields()


class SizeRequest(OnePicture, SizeFields):
    """A picture and what is asked about it."""


class SizeAnswer(AnswerBody):
    """How full the picture is."""

    size: str
    scores: dict[str, float]


class SizeResponse(AnswersBody[SizeAnswer]):
    """One answer."""


def _engine_requests(asked: CheckedRequest[SizeFields], pool: Pool) -> list[EngineRequest]:
    fields = asked.fields
    tokens = pool.check_question(fields.prompt)
    return [EngineRequest(SIZE.name, partial(_size_input, fields.prompt), SIZE.rows, tokens)]


def _size_input(prompt: str, pixels: Sequence[NDArray[np.uint8]]) -> SizeInput:
    return SizeInput(pixels[0], prompt)


def _said(answer: Answer, fields: SizeFields, place: int) -> dict[str, Any]:
    return {"size": answer.labels[0][0], "scores": dict(answer.labels)}


SERVED_SIZE = ServedTask(
    name=SIZE.name,
    asks=(SIZE,),
    summary="Say how full a picture is",
    description="Say how full a picture is: small, medium or large.",
    shape=RequestShape(SizeFields, SizeRequest, (1, 1)),
    answer=SizeResponse,
    texts=lambda fields: (fields.prompt,),
    engine_requests=_engine_requests,
    said=_said,
)
