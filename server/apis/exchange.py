"""One request of any API, from its head to its response: an API only translates."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol

from starlette.requests import Request
from starlette.responses import Response

from engine import errors as engine
from server import errors as http
from server.answering.work import Work, WorkResult
from server.apis.answer_route import AnswerRoute, Endpoint
from server.engine_pool import OnText, Pool
from server.front.front import VISIT
from server.front.gate import Visit
from server.http.body import Body
from server.http.client_left import unless_client_leaves
from server.http.event_stream import EventStream
from server.lifecycle.serving import Serving
from server.observing.logs import log_failure
from server.observing.request_record import RequestRecord, record_of
from server.requests.reader import CheckedRequest, Fields, RequestReader
from server.tasks.served_task import ServedTask


@dataclass(frozen=True)
class Given:
    """What a request brings, the reader that checks it, and what is served, for the names in it."""

    path: str
    request_id: str
    headers: Mapping[str, str]
    body: bytes | bytearray
    reader: RequestReader
    pool: Pool


@dataclass(frozen=True)
class Answered(Generic[Fields]):
    """What was asked, and what came of it."""

    served: ServedTask[Fields]
    checked: CheckedRequest[Fields]
    work: Work
    result: WorkResult
    request_id: str

    def body(self) -> dict[str, Any]:
        """Return our own API's body."""
        return self.served.body(self.result, self.checked.fields, self.request_id)

    def extras(self) -> dict[str, Any]:
        """Return what our own API says of the first answer, with whose it is."""
        body = self.body()
        whose = {name: body[name] for name in ("request_id", "task", "artifact")}
        how: dict[str, Any] = body["answers"][0]
        return whose | how


class ReplyWriter(Protocol):
    """Writes an answer in the words of an API."""

    def response(self, answered: Answered[Any]) -> Response:
        """Return the whole answer."""
        ...


class EventWriter(Protocol):
    """Writes an answer as events while it is written, in the words of an API."""

    def piece(self, text: str) -> bytes:
        """Return the event of the next piece of text."""
        ...

    def end(self, answered: Answered[Any]) -> bytes:
        """Return the events that end an answer."""
        ...

    def failed(self, error: Exception, request_id: str, path: str) -> bytes:
        """Return the events that end an answer which failed after its first event."""
        ...


@dataclass(frozen=True)
class AskedRequest(Generic[Fields]):
    """What a request asks, checked, and how its answer is written.

    `events`: how it is written while it grows; None: it is wanted whole.
    """

    served: ServedTask[Fields]
    checked: CheckedRequest[Fields]
    reply: ReplyWriter
    events: EventWriter | None = None


class Translation(Protocol):
    """An API's own part in an exchange."""

    def check_head(self, headers: Mapping[str, str]) -> None:
        """Refuse by its headers a request whose body would not be read.

        Raises:
            UnsupportedBody: why.
        """
        ...

    def read(self, given: Given) -> AskedRequest[Any]:
        """Return what a request asks. Called in another thread if the body is long.

        Raises:
            ServerError, ImageError: the first thing that is wrong.
        """
        ...


def answer_route(path: str, kind: str, translation: Translation) -> AnswerRoute:
    """Return a route of an API."""
    return AnswerRoute(path, kind, _endpoint(kind, translation))


def _endpoint(kind: str, translation: Translation) -> Endpoint:
    async def ask(request: Request) -> Response:
        serving: Serving = request.app.state.serving
        record = record_of(request)
        state = request.scope["state"]
        visit = state[VISIT] = state.get(VISIT) or serving.front.knock(kind, None, record.arrived_s)
        return await _Exchange(request, translation, serving, record, visit).respond()

    return ask


@dataclass(frozen=True)
class _Exchange:
    """One request, from its head to its response."""

    request: Request
    translation: Translation
    serving: Serving
    record: RequestRecord
    visit: Visit

    async def respond(self) -> Response:
        """Refuse what can be refused unread, then read, check, and answer until the client leaves.

        Raises:
            ServerError, ImageError, EngineError, TextError: why there is no answer.
        """
        pool = self._open_pool()
        if self.request.scope["query_string"]:
            raise http.InvalidFields.one("query", "takes no parameters; send them in the body")
        self.translation.check_head(self.request.headers)
        with closing(await self._read_body()) as body:
            return await unless_client_leaves(self.request.receive, self._answer_body(body, pool))

    def _open_pool(self) -> Pool:
        """Refuse before the body is read if nothing is taken now, and count the refusal."""
        try:
            return self.serving.pool()
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

    async def _answer_body(self, body: Body, open_pool: Pool) -> Response:
        await self.serving.front.enter(self.visit, body.data)
        reader = self.serving.reader_for(self.record.api_key)
        path, headers = self.request.scope["path"], self.request.headers
        given = Given(path, self.record.request_id, headers, body.data, reader, open_pool)
        asked = await self.serving.parse(len(body.data), self.translation.read, given)
        del given
        body.data = b""  # the pictures are copies; their bytes stay counted until the answer
        with self.serving.engines.lease() as pool:
            return await self._answer(pool, asked)

    async def _answer(self, pool: Pool, asked: AskedRequest[Any]) -> Response:
        served, checked = asked.served, asked.checked
        self.record.task = served.name
        self.record.on_miss = checked.budget.on_miss
        self.record.texts = tuple(served.texts(checked.fields))
        requests = served.engine_requests(checked, pool)
        streams = asked.events is not None and served.writes
        budget = checked.budget if streams else checked.budget.for_whole_answer()
        tenant, adapter = self.record.api_key or "", checked.adapter
        work = Work(budget, checked.pictures, requests, tenant, adapter)
        if asked.events is not None:
            run, events = self._while_written(pool, work, asked), asked.events
            failed = partial(self._failed, events)
            return await EventStream(run, events.piece, events.end, failed).begun()
        result = await self._run(pool, work, served)
        return asked.reply.response(Answered(served, checked, work, result, self.record.request_id))

    def _while_written(
        self, pool: Pool, work: Work, asked: AskedRequest[Any]
    ) -> Callable[[OnText], Coroutine[Any, Any, Answered[Any]]]:
        async def run(on_text: OnText) -> Answered[Any]:
            told = on_text if asked.served.writes else None
            result = await self._run(pool, work, asked.served, told)
            return Answered(asked.served, asked.checked, work, result, self.record.request_id)

        return run

    async def _run(
        self, pool: Pool, work: Work, served: ServedTask[Any], on_text: OnText | None = None
    ) -> WorkResult:
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
        if not served.writes:  # a text is written as it grows
            self.record.when_over = partial(self._learn, result, now)
        return self.record.result

    def _learn(self, result: WorkResult, made_s: float, now: float) -> None:
        """Learn from an answer that is written."""
        times = self.serving.answerer.times
        times.reply.add(now - self.visit.arrived_s - max(result.total_s), now)
        times.writing.add(now - made_s, now)
        self.serving.front.learn(self.visit, now)

    def _failed(self, events: EventWriter, error: Exception) -> bytes:
        log_failure(error, self.record)
        return events.failed(error, self.record.request_id, self.request.scope["path"])
