"""An answer of the connection itself, without a route."""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus

import httptools
from starlette.exceptions import HTTPException

from engine.telemetry import Telemetry
from server.errors import ServerError
from server.errors.problem_json import problem_response
from server.errors.statuses import classify

_log = logging.getLogger("otmv.server")


def refusal(error: Exception, telemetry: Telemetry) -> bytes:
    """Return the whole answer to a request that no route will see, and count it.

    The connection ends with it.
    """
    request_id = secrets.token_hex(8)
    ours = isinstance(error, MemoryError)
    _log.log(logging.ERROR if ours else logging.DEBUG, "request %s: %r", request_id, error)
    response = problem_response(error, request_id, "")
    telemetry.responded(response.status_code, classify(error).slug)
    phrase = HTTPStatus(response.status_code).phrase
    head = f"HTTP/1.1 {response.status_code} {phrase}\r\nconnection: close\r\n".encode()
    fields = [*response.raw_headers, (b"x-request-id", request_id.encode())]
    head += b"".join(name + b": " + value + b"\r\n" for name, value in fields)
    return head + b"\r\n" + bytes(response.body)


def reason(error: httptools.HttpParserError) -> Exception:
    """Return why a parser stopped: an error of our callbacks, or what it was given is not HTTP."""
    cause = error.__context__
    if isinstance(cause, (MemoryError, HTTPException, ServerError)):
        return cause
    return HTTPException(400, "Invalid HTTP request received.")
