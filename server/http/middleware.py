"""The outermost layer, pure ASGI: arrival time, request id, log line, and the last safety net."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.clock import Clock
from engine.telemetry import Telemetry
from server.answering.numbers import to_ms
from server.errors.responses import error_response
from server.front.front import VISIT
from server.front.gate import Visit
from server.observing.logs import access_fields, log_failure
from server.observing.request_record import RequestRecord
from server.observing.trace_context import read_trace_context
from server.observing.tracing import Tracing

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
ARRIVED = "arrived_s"
"""In a scope's state: when the first byte of the request came, on the server's clock."""
_TRACED = ("/v1/", "/v2/", "/hf/")
_access = logging.getLogger("otmv.access")


@dataclass(frozen=True)
class RequestReports:
    """What is made of every request that has ended: a log line, its texts in it, spans, a count."""

    access_log: bool
    content: bool = False
    tracing: Tracing | None = None
    telemetry: Telemetry | None = None


class RequestStamp:
    """Makes every request's record and answers for errors that nothing else caught.

    Sets `scope["state"]["record"]`: when it arrived (the deadline counts from here), its id, and
    what the log line and the spans are made of once it has ended.
    """

    def __init__(
        self,
        app: ASGIApp,
        clock: Clock,
        reports: RequestReports,
        is_draining: Callable[[], bool],
        end_visit: Callable[[Visit], None],
    ) -> None:
        self._app = app
        self._end_visit = end_visit
        self._clock = clock
        self._reports = reports
        self._is_draining = is_draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request; other ASGI scopes pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        record = state["record"] = _begin(scope, state.get(ARRIVED, self._clock.now_s()))
        head_only = scope["method"] == "HEAD"
        status = 0

        async def stamp(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = record.request_id
                if status == HTTPStatus.SERVICE_UNAVAILABLE and self._is_draining():
                    headers["connection"] = "close"  # so that the client looks elsewhere
            elif head_only:
                message = {**message, "body": b""}
            await send(message)

        inner = {**scope, "method": "GET"} if head_only else scope
        try:
            await self._app(inner, receive, stamp)
        except Exception as error:  # nothing above this would answer in our format
            log_failure(error, record)
            if status == 0:
                response = error_response(error, record.request_id, scope["path"])
                await response(scope, receive, stamp)
        finally:
            record.end(self._clock.now_s())
            if visit := state.get(VISIT):  # whatever refused it, and wherever
                self._end_visit(visit)
            self._report(scope, inner, record, status)

    def _report(self, scope: Scope, inner: Scope, record: RequestRecord, status: int) -> None:
        """Record a request that has ended, its answer sent."""
        reports, ended_s = self._reports, self._clock.now_s()
        if reports.telemetry is not None and status:
            reports.telemetry.responded(status, record.problem)
        trace_id = record.trace.trace_id if record.trace else None
        if reports.tracing is not None and scope["path"].startswith(_TRACED):
            route = getattr(inner.get("route"), "path", None)
            trace_id = reports.tracing.add_request(record, scope["method"], route, status, ended_s)
        if reports.access_log:
            line = {
                "request_id": record.request_id,
                "trace_id": trace_id,
                "method": scope["method"],
                "path": _printable(scope["path"]),
                "status": status,
                "duration_ms": to_ms(ended_s - record.arrived_s),
                **access_fields(record, reports.content),
            }
            said = {name: value for name, value in line.items() if value is not None}
            _access.info("request", extra=said)


def _begin(scope: Scope, arrived_s: float) -> RequestRecord:
    """Return the record of a request, with what its head says."""
    given_id, parents, states = None, [], []
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given_id = value.decode("latin-1")
        elif name == b"traceparent":
            parents.append(value.decode("latin-1"))
        elif name == b"tracestate":
            states.append(value.decode("latin-1"))
    trace = read_trace_context(parents, states) if parents else None
    return RequestRecord(request_id_of(given_id), arrived_s, trace)


def request_id_of(given: str | None) -> str:
    """Return the caller's id if it is harmless in headers and logs, else a fresh one."""
    return given if given and _SANE_ID.fullmatch(given) else secrets.token_hex(8)


def _printable(path: str) -> str:
    return path.encode("ascii", errors="backslashreplace").decode().replace("\n", "\\n")[:200]
