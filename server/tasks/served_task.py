"""What makes a task served over HTTP: one object per task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple

from pydantic import BaseModel

from artifact.task import Task
from engine.types import Answer
from server.answering.work import EngineRequest, WorkResult
from server.engine_pool import Pool
from server.requests.reader import CheckedRequest, Fields, RequestShape
from server.tasks.answer_body import answers_body
from server.tasks.vector_space import vector_space


class WayToAsk(NamedTuple):
    """How many pictures a request brings, at least and at most; the field of its text, if any."""

    least: int
    most: int
    text: str | None

    def takes(self, pictures: int, text: bool) -> bool:
        """Return whether this many pictures, with a text or without one, are such a request."""
        return self.least <= pictures <= self.most and text is (self.text is not None)


@dataclass(frozen=True)
class ServedTask(Generic[Fields]):
    """A task's route, from the fields of a request to the body of its answer.

    Attributes:
        name: the last part of the route, `/v1/NAME`.
        asks: the tasks of the engine that its requests ask, whichever of them one does.
        asks_all: a request asks all of them, about what it brings together.
        summary: the route in a few words, for OpenAPI.
        description: the route in full, for OpenAPI.
        shape: what its requests look like.
        answer: the model of its response's body, for OpenAPI.
        at_top: the fields of its one answer stand at the top of the body too: deprecated.
        texts: from the fields to the texts in them, for the log.
        engine_requests: from a request to what the engine is asked; raises TextError or
            InvalidInput for what this engine cannot do.
        said: from one of the engine's answers, the fields and its place to what it says: plain
            values in the order of the model's fields. What all answers say is added to it.
        in_space: its answers say in which space their vectors lie (`VectorSpace`).
        joined: from the answers of the engine's requests to those that the body lists.
        streams: whether a request wants its text as events while it is written.
        events_example: such events, for OpenAPI; None: it never streams.
    """

    name: str
    asks: tuple[Task, ...]
    summary: str
    description: str
    shape: RequestShape[Fields]
    answer: type[BaseModel]
    texts: Callable[[Fields], Sequence[str]]
    engine_requests: Callable[[CheckedRequest[Fields], Pool], Sequence[EngineRequest]]
    said: Callable[[Answer, Fields, int], dict[str, Any]]
    asks_all: bool = False
    at_top: bool = False
    in_space: bool = False
    joined: Callable[[WorkResult], WorkResult] = lambda result: result
    streams: Callable[[Fields], bool] = lambda fields: False
    events_example: str | None = None

    @property
    def writes(self) -> bool:
        """Whether its answers are words, one after another."""
        return any(task.writes for task in self.asks)

    @property
    def in_words(self) -> bool:
        """Whether its answers can be said in words: a label or a text."""
        return not self.in_space

    @property
    def ways(self) -> tuple[WayToAsk, ...]:
        """What a request may bring."""
        if self.asks_all:
            text = next((task.text for task in self.asks if task.text), None)
            return (WayToAsk(*self.shape.pictures, text),)
        return tuple(WayToAsk(task.pictures, task.pictures, task.text) for task in self.asks)

    @property
    def text(self) -> str | None:
        """The field of a request's text; None: no request of it has one."""
        return next((way.text for way in self.ways if way.text), None)

    def takes(self, pictures: int, text: bool) -> bool:
        """Return whether a request may bring this many pictures, with a text or without one."""
        return any(way.takes(pictures, text) for way in self.ways)

    def answered(
        self, result: WorkResult, fields: Fields
    ) -> tuple[WorkResult, list[dict[str, Any]]]:
        """Return the answers that a body lists, and what each says of its own."""
        result = self.joined(result)
        said = [self.said(each, fields, place) for place, each in enumerate(result.answers)]
        if self.in_space:
            spaces = [vector_space(each, result.artifact) for each in result.answers]
            said = [space | each for space, each in zip(spaces, said, strict=True)]
        return result, said

    def body(self, result: WorkResult, fields: Fields, request_id: str) -> dict[str, Any]:
        """Return the body of a response, as plain values in the order of the model's fields."""
        listed, said = self.answered(result, fields)
        body = answers_body(listed, said, self.name, request_id)
        return body | body["answers"][0] if self.at_top else body
