"""An answer of the connection itself, without a route."""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus

import httptools
from starlette.exceptions import HTTPException

from engine.telemetry import Telemetry
from server.errors import FrontBusy, ServerError
from server.errors.problem_json import problem_response
from server.errors.statuses import classify
from server.http.connection.request_body import Headers
from server.http.middleware import request_id_of

_STATUS_LINES = {
    each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus
}
_log = logging.getLogger("otmv.server")


def refusal(error: Exception, telemetry: Telemetry) -> bytes:
    """Return the whole answer to a request that no route will see, and count it.

    The connection ends with it.
    """
    request_id = secrets.token_hex(8)
    ours = isinstance(error, MemoryError)
    _log.log(logging.ERROR if ours else logging.DEBUG, "request %s: %r", request_id, error)
    telemetry.responded(classify(error).status, classify(error).slug)
    return _whole(error, request_id, "", keep_alive=False)


def busy_refusal(
    error: FrontBusy, headers: Headers, path: str, telemetry: Telemetry, *, keep_alive: bool
) -> bytes:
    """Return the whole answer to a request that the front has no time for, and count it."""
    given = next((value for name, value in headers if name == b"x-request-id"), None)
    request_id = request_id_of(None if given is None else given.decode("latin-1"))
    problem = classify(error)
    telemetry.responded(problem.status, problem.slug)
    return _whole(error, request_id, path, keep_alive=keep_alive)


def _whole(error: Exception, request_id: str, path: str, *, keep_alive: bool) -> bytes:
    response = problem_response(error, request_id, path)
    head = _STATUS_LINES[response.status_code]
    if not keep_alive:
        head += b"connection: close\r\n"
    fields = [*response.raw_headers, (b"x-request-id", request_id.encode())]
    head += b"".join(name + b": " + value + b"\r\n" for name, value in fields)
    return head + b"\r\n" + bytes(response.body)


def reason(error: httptools.HttpParserError) -> Exception:
    """Return why a parser stopped: an error of our callbacks, or what it was given is not HTTP."""
    cause = error.__context__
    if isinstance(cause, (MemoryError, HTTPException, ServerError)):
        return cause
    return HTTPException(400, "Invalid HTTP request received.")
