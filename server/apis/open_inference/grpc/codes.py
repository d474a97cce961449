"""gRPC's codes of errors, from the statuses of the one table."""

from __future__ import annotations

import math
from http import HTTPStatus

import grpc

from server.errors.statuses import classify, retry_after_s

_CODES = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    499: grpc.StatusCode.CANCELLED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}

Abortion = tuple[grpc.StatusCode, str, tuple[tuple[str, str], ...]]
"""How a call ends without an answer: its code, why, and its trailing metadata."""


def code_of(status: int) -> grpc.StatusCode:
    """Return the code of an HTTP status that is an error."""
    wrong = status < HTTPStatus.INTERNAL_SERVER_ERROR
    other = grpc.StatusCode.INVALID_ARGUMENT if wrong else grpc.StatusCode.INTERNAL
    return _CODES.get(status, other)


def abortion_of(error: Exception) -> Abortion:
    """Return how an error ends a call that the app has not seen."""
    seconds = retry_after_s(error)
    given = () if seconds is None else (("retry-after", str(math.ceil(seconds))),)
    return code_of(classify(error).status), str(error), given
