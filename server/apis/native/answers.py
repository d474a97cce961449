"""One route for each served task: `POST /v1/NAME`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from server.apis.answer_route import AnswerRoute
from server.apis.answers import ANSWER_ERRORS, json_response
from server.apis.exchange import Answered, AskedRequest, Given, answer_route
from server.apis.openapi.operations import answered, task_operation
from server.errors.problem_json import openapi_responses, problem_body
from server.http.event_stream import event
from server.http.media_types import media_type
from server.tasks.served_task import ServedTask


def answers_router(tasks: Iterable[ServedTask[Any]]) -> APIRouter:
    """Return the routes of these tasks, described."""
    router = APIRouter(prefix="/v1", tags=["answers"])
    for served in tasks:
        responses = openapi_responses(ANSWER_ERRORS)
        responses[200] = answered(served.answer, served.events_example)
        router.add_api_route(
            f"/{served.name}",
            _route(served).endpoint,
            methods=["POST"],
            name=served.name,
            operation_id=served.name,
            summary=served.summary,
            description=served.description,
            response_model=served.answer,
            responses=responses,
            openapi_extra=task_operation(served.shape),
        )
    return router


def answer_routes(tasks: Iterable[ServedTask[Any]]) -> list[AnswerRoute]:
    """Return the route of each of these tasks."""
    return [_route(served) for served in tasks]


def _route(served: ServedTask[Any]) -> AnswerRoute:
    return answer_route(f"/v1/{served.name}", served.name, _TaskRequests(served))


@dataclass(frozen=True)
class _TaskRequests:
    """Reads requests of one task."""

    served: ServedTask[Any]

    def check_head(self, headers: Mapping[str, str]) -> None:
        """Refuse a body that is neither JSON nor a form."""
        media_type(headers)

    def read(self, given: Given) -> AskedRequest[Any]:
        """Return what is asked."""
        checked = given.reader.read(self.served.shape, given.body, given.headers)
        events = _OWN if self.served.streams(checked.fields) else None
        return AskedRequest(self.served, checked, _OWN, events)


class _OwnReply:
    """Writes an answer as our own API has it."""

    def response(self, answered: Answered[Any]) -> Response:
        """Return the body."""
        return json_response(answered.body(), answered.result)

    def piece(self, text: str) -> bytes:
        """Return a `token`."""
        return event({"text": text}, "token")

    def end(self, answered: Answered[Any]) -> bytes:
        """Return `done`, with the body."""
        return event(answered.body(), "done")

    def failed(self, error: Exception, request_id: str, path: str) -> bytes:
        """Return `error`, with a problem."""
        return event(problem_body(error, request_id, path), "error")


_OWN = _OwnReply()
