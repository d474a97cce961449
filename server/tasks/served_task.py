"""What makes a task served over HTTP: one object per task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from pydantic import BaseModel

from artifact.task import Task
from server.answering.work import EngineRequest, WorkResult
from server.engine_pool import Pool
from server.requests.reader import Fields, RequestShape


@dataclass(frozen=True)
class ServedTask(Generic[Fields]):
    """A task's route, from the fields of a request to the body of its answer.

    Attributes:
        task: the task; its name is the last part of the route, `/v1/NAME`.
        summary: the route in a few words, for OpenAPI.
        description: the route in full, for OpenAPI.
        shape: what its requests look like.
        answer: the model of its answer's body, for OpenAPI.
        texts: from the fields to the texts in them, for the log.
        engine_requests: from the fields to what the engine is asked; raises TextError or
            InvalidInput for what this engine cannot do.
        body: from the result, the fields and the request id to the answer's body: plain values
            in the order of the model's fields.
        streams: whether a request wants its text as events while it is written.
        events_example: such events, for OpenAPI; None: it never streams.
    """

    task: Task
    summary: str
    description: str
    shape: RequestShape[Fields]
    answer: type[BaseModel]
    texts: Callable[[Fields], Sequence[str]]
    engine_requests: Callable[[Fields, Pool], Sequence[EngineRequest]]
    body: Callable[[WorkResult, Fields, str], dict[str, Any]]
    streams: Callable[[Fields], bool] = lambda fields: False
    events_example: str | None = None
