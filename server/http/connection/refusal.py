"""An answer of the connection itself, without a route."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus

import httptools
from starlette.exceptions import HTTPException

from engine.telemetry import Telemetry
from server.errors import FrontBusy, ServerError
from server.errors.responses import error_response
from server.errors.statuses import classify
from server.http.connection.request_body import Headers
from server.http.middleware import request_id_of

_STATUS_LINES = {
    each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus
}
_NO_ID = "@request-id@"
"""Stands for a request id; no path that the front is asked about has it."""
_log = logging.getLogger("otmv.server")


def refusal(error: Exception, telemetry: Telemetry) -> bytes:
    """Return the whole answer to a request that no route will see, and count it.

    The connection ends with it.
    """
    request_id = secrets.token_hex(8)
    ours = isinstance(error, MemoryError)
    _log.log(logging.ERROR if ours else logging.DEBUG, "request %s: %r", request_id, error)
    telemetry.responded(classify(error).status, classify(error).slug)
    return _whole(error, request_id)


def busy_refusal(
    error: FrontBusy, headers: Headers, path: str, telemetry: Telemetry, *, keep_alive: bool
) -> bytes:
    """Return the whole answer to a request that the front has no time for, and count it.

    It is `error_response`'s, with the wait in whole milliseconds: what all that differ only by
    their ids have in common is made once.
    """
    given = next((value for name, value in headers if name == b"x-request-id"), None)
    request_id = request_id_of(None if given is None else given.decode("latin-1"))
    problem = classify(error)
    telemetry.responded(problem.status, problem.slug)
    wait_ms = max(1, round(error.wait_s * 1e3))
    make: Callable[[float], FrontBusy] = type(error)
    return _without_id(make, wait_ms, path, keep_alive).with_id(request_id)


@dataclass(frozen=True)
class _WithoutId:
    """An answer whose request id is still to come; `size_bytes`: of its body without the id."""

    head: bytes
    size_bytes: int
    body: tuple[bytes, bytes]

    def with_id(self, request_id: str) -> bytes:
        """Return the whole answer; an id needs no escaping."""
        given = request_id.encode()
        rest = b"content-length: %d\r\nx-request-id: %b\r\n\r\n"
        fields = rest % (self.size_bytes + len(given), given)
        return b"".join((self.head, fields, self.body[0], given, self.body[1]))


@lru_cache(maxsize=512)
def _without_id(
    make: Callable[[float], FrontBusy], wait_ms: int, path: str, keep_alive: bool
) -> _WithoutId:
    response = error_response(make(wait_ms / 1e3), _NO_ID, path)
    fields = [pair for pair in response.raw_headers if pair[0] != b"content-length"]
    before, after = bytes(response.body).split(_NO_ID.encode())
    head = _status_and_fields(response.status_code, fields, keep_alive=keep_alive)
    return _WithoutId(head, len(before) + len(after), (before, after))


def _whole(error: Exception, request_id: str) -> bytes:
    response = error_response(error, request_id, "")
    fields = [*response.raw_headers, (b"x-request-id", request_id.encode())]
    head = _status_and_fields(response.status_code, fields, keep_alive=False)
    return head + b"\r\n" + bytes(response.body)


def _status_and_fields(
    status: int, fields: Iterable[tuple[bytes, bytes]], *, keep_alive: bool
) -> bytes:
    begin = _STATUS_LINES[status] + (b"" if keep_alive else b"connection: close\r\n")
    return begin + b"".join(name + b": " + value + b"\r\n" for name, value in fields)


def reason(error: httptools.HttpParserError) -> Exception:
    """Return why a parser stopped: an error of our callbacks, or what it was given is not HTTP."""
    cause = error.__context__
    if isinstance(cause, (MemoryError, HTTPException, ServerError)):
        return cause
    return HTTPException(400, "Invalid HTTP request received.")
