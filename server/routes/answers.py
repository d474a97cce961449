"""One route for each served task: `POST /v1/NAME`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic

from fastapi import APIRouter, Request
from pydantic_core import to_json
from starlette.responses import Response

from artifact.errors import TextError
from engine import errors as engine
from pictures import errors as pictures
from server import errors as http
from server.answering.work import Work, WorkResult
from server.engine_pool import OnText, Pool
from server.errors.problem_json import openapi_responses, problem_body
from server.front.front import VISIT
from server.front.gate import Visit
from server.http.body import Body
from server.http.client_left import unless_client_leaves
from server.http.event_stream import EventStream
from server.http.media_types import JSON, media_type
from server.lifecycle.serving import Serving
from server.observing.logs import log_failure
from server.observing.request_record import RequestRecord, record_of
from server.requests.reader import CheckedRequest, Fields
from server.routes.direct_answers import Endpoint
from server.routes.openapi_operations import answered, task_operation
from server.tasks import SERVED_TASKS
from server.tasks.served_task import ServedTask

_ERRORS: tuple[type[Exception], ...] = (
    engine.UnknownVariant,
    engine.InvalidInput,
    engine.NoVariantFits,
    engine.QueueFull,
    engine.Draining,
    engine.NotReady,
    engine.EngineStopped,
    engine.DeadlineUnattainable,
    engine.DeadlineExpired,
    engine.InferenceFailed,
    TextError,
    http.MalformedBody,
    http.InvalidFields,
    http.RemoteUrlRefused,
    http.UnsupportedBody,
    http.BodyTooLarge,
    http.BodyTooSlow,
    http.TooManyBodies,
    http.FrontBusy,
    http.ShareUsedUp,
    pictures.DecodeWorkerDied,
    http.AnswerOverdue,
    http.NoCommonVariant,
    pictures.ImageNotRecognised,
    pictures.ImageTooManyPixels,
    pictures.ImageUnreadable,
)


def answers_router(tasks: Iterable[ServedTask[Any]]) -> APIRouter:
    """Return the routes of these tasks, described; `DirectAnswers` calls their endpoints."""
    router = APIRouter(prefix="/v1", tags=["answers"])
    for served in tasks:
        responses = openapi_responses(_ERRORS)
        responses[200] = answered(served.answer, served.events_example)
        router.add_api_route(
            f"/{served.name}",
            _endpoint(served),
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


def answer_endpoints(tasks: Iterable[ServedTask[Any]]) -> dict[str, Endpoint]:
    """Return the endpoint of each path."""
    return {f"/v1/{served.name}": _endpoint(served) for served in tasks}


def answer_paths() -> dict[bytes, str]:
    """Return the task that each path answers."""
    return {f"/v1/{name}".encode(): name for name in SERVED_TASKS}


def _endpoint(
    served: ServedTask[Fields],
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def ask(request: Request) -> Response:
        serving: Serving = request.app.state.serving
        record = record_of(request)
        state = request.scope["state"]
        visit = state[VISIT] = state.get(VISIT) or serving.front.knock(
            served.name, None, record.arrived_s
        )
        return await _Exchange(request, served, serving, record, visit).respond()

    return ask


@dataclass(frozen=True)
class _Exchange(Generic[Fields]):
    """One request of a task, from its head to its response."""

    request: Request
    served: ServedTask[Fields]
    serving: Serving
    record: RequestRecord
    visit: Visit

    async def respond(self) -> Response:
        """Refuse what can be refused unread, then read, check, and answer until the client leaves.

        Raises:
            ServerError, ImageError, EngineError, TextError: why there is no answer.
        """
        self._check_open()
        if self.request.scope["query_string"]:
            raise http.InvalidFields.one("query", "takes no parameters; send them in the body")
        media_type(self.request.headers)
        with closing(await self._read_body()) as body:
            return await unless_client_leaves(self.request.receive, self._answer_body(body))

    def _check_open(self) -> None:
        """Refuse before the body is read if nothing is taken now, and count the refusal."""
        try:
            self.serving.pool()
        except (http.StillDraining, http.StillLoading) as error:
            draining = isinstance(error, http.StillDraining)
            self.serving.telemetry.shed("draining" if draining else "not_ready")
            raise

    async def _read_body(self) -> Body:
        """Read the body, or count the refusal."""
        try:
            return await self.serving.bodies.read(self.request)
        except http.TooManyBodies:
            self.serving.telemetry.shed("intake_full")
            raise

    async def _answer_body(self, body: Body) -> Response:
        await self.serving.front.enter(self.visit, body.data)
        reader = self.serving.reader_for(self.record.api_key)
        checked = await self.serving.parse(
            len(body.data), reader.read, self.served.shape, body.data, self.request.headers
        )
        body.data = b""  # the pictures are copies; their bytes stay counted until the answer
        with self.serving.engines.lease() as pool:
            return await self._answer(pool, checked)

    async def _answer(self, pool: Pool, checked: CheckedRequest[Fields]) -> Response:
        served, fields = self.served, checked.fields
        self.record.task = served.name
        self.record.on_miss = checked.budget.on_miss
        self.record.texts = tuple(served.texts(fields))
        requests = served.engine_requests(checked, pool)
        tenant = self.record.api_key or ""
        work = Work(checked.budget, checked.pictures, requests, tenant)
        if served.streams(fields):
            run = self._body_while_written(pool, work, fields)
            return await EventStream(run, self._problem).begun()
        result = await self._run(pool, work)
        body = served.body(result, fields, self.record.request_id)
        return _json_response(body, result)

    def _body_while_written(
        self, pool: Pool, work: Work, fields: Fields
    ) -> Callable[[OnText], Coroutine[Any, Any, dict[str, Any]]]:
        async def run(on_text: OnText) -> dict[str, Any]:
            result = await self._run(pool, work, on_text)
            return self.served.body(result, fields, self.record.request_id)

        return run

    async def _run(self, pool: Pool, work: Work, on_text: OnText | None = None) -> WorkResult:
        """Get the work done; whether it is on time is settled now, just before it is written.

        Raises:
            DeadlineExpired: the answer would come too late, and nobody wants it then.
        """
        answerer, clock = self.serving.answerer, self.serving.clock
        try:
            result = await answerer.run(pool, work, self.visit, on_text)
        except engine.DeadlineUnattainable as error:
            self.serving.front.learn(self.visit, self.visit.arrived_s + error.predicted_ms / 1e3)
            raise
        now = clock.now_s()
        written_s = now + answerer.times.writing.predicted_s(now)
        if written_s > result.deadline_s and work.budget.on_miss == "reject":
            self.serving.telemetry.late_reply()
            raise engine.DeadlineExpired(now - self.visit.arrived_s)
        self.record.result = result.written_by(written_s)
        self.record.when_over = partial(self._learn, result, now)
        return self.record.result

    def _learn(self, result: WorkResult, made_s: float, now: float) -> None:
        """Learn from an answer that is written; a text is written as it grows."""
        times = self.serving.answerer.times
        if not self.served.writes:
            times.reply.add(now - self.visit.arrived_s - max(result.total_s), now)
            times.writing.add(now - made_s, now)
            self.serving.front.learn(self.visit, now)

    def _problem(self, error: Exception) -> dict[str, Any]:
        log_failure(error, self.record)
        return problem_body(error, self.record.request_id, self.request.scope["path"])


def _json_response(body: dict[str, Any], result: WorkResult) -> Response:
    """Return a body as JSON, with the phases of the slowest of its answers as a header."""
    timings = result.slowest_timings_ms()
    header = ", ".join(f"{phase};dur={dur}" for phase, dur in timings.items())
    headers = {"Server-Timing": header}
    return Response(to_json(body, inf_nan_mode="null"), headers=headers, media_type=JSON)
