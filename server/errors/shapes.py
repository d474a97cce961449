"""The shape that an error has on the wire: each API's clients read another one.

Statuses come from one table (`statuses.py`); a shape only says them in the words of its API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine import errors as engine
from server import errors as http
from server.errors.problem_json import MEDIA_TYPE, detail_of, problem_body
from server.errors.statuses import (
    MALFORMED,
    UNPROCESSABLE,
    classify,
    retry_after_s,
)

_JSON = "application/json"
_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}


@dataclass(frozen=True)
class ErrorShape:
    """How an API says what went wrong.

    Attributes:
        media_type: of the body.
        body: from an error, the request's id and its path to the body, as plain values.
        schema: the JSON schema of a body.
        unprocessable: the status of requests that this server calls unprocessable (422).
        headers: further headers of a response.
    """

    media_type: str
    body: Callable[[Exception, str, str], dict[str, Any]]
    schema: Mapping[str, Any]
    unprocessable: int = UNPROCESSABLE
    headers: Callable[[Exception], dict[str, str]] = field(default=lambda error: {})

    def status(self, error: Exception) -> int:
        """Return the status that an error has in this API."""
        status = classify(error).status
        return self.unprocessable if status == UNPROCESSABLE else status


def _openai_body(error: Exception, request_id: str, path: str) -> dict[str, Any]:
    problem = classify(error)
    kind = _OPENAI_TYPES.get(problem.status)
    if kind is None:
        kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    told = {
        "message": detail_of(error),
        "type": kind,
        "param": _field(error),
        "code": problem.slug.replace("-", "_"),
    }
    return {"error": told, "request_id": request_id}


def _field(error: Exception) -> str | None:
    """Return the field that an error is about, if it is about one."""
    if isinstance(error, http.InvalidFields):
        return error.problems[0].field
    if isinstance(error, http.ModelNotFound):
        return "model"
    if isinstance(error, (engine.InvalidInput, http.RemoteUrlRefused)):
        return error.field
    return None


def _openai_headers(error: Exception) -> dict[str, str]:
    """Return whether to try again, as OpenAI's clients read it: by a status alone they guess."""
    return {"x-should-retry": "false" if retry_after_s(error) is None else "true"}


def _one_line_body(error: Exception, request_id: str, path: str) -> dict[str, Any]:
    return {"error": detail_of(error), "request_id": request_id}


def _hugging_face_body(error: Exception, request_id: str, path: str) -> dict[str, Any]:
    return _one_line_body(error, request_id, path) | {"error_type": classify(error).slug}


def _schema(**error: Any) -> dict[str, Any]:
    """Return the schema of a body with these fields and the request's id."""
    told = error | {"request_id": _TEXT}
    return {"type": "object", "properties": told, "required": [*told]}


_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_OPENAI_ERROR = {"message": _TEXT, "type": _TEXT, "param": _MAYBE_TEXT, "code": _TEXT}
_OPENAI_SCHEMA = {"type": "object", "properties": _OPENAI_ERROR, "required": [*_OPENAI_ERROR]}

PROBLEM_JSON = ErrorShape(MEDIA_TYPE, problem_body, {"$ref": "#/components/schemas/Problem"})
OPENAI = ErrorShape(_JSON, _openai_body, _schema(error=_OPENAI_SCHEMA), MALFORMED, _openai_headers)
OPEN_INFERENCE = ErrorShape(_JSON, _one_line_body, _schema(error=_TEXT), MALFORMED)
HUGGING_FACE = ErrorShape(_JSON, _hugging_face_body, _schema(error=_TEXT, error_type=_TEXT))

_BY_PREFIX = {
    "/v1/chat/": OPENAI,
    "/v1/embeddings": OPENAI,
    "/v1/models": OPENAI,
    "/v2": OPEN_INFERENCE,
    "/hf/": HUGGING_FACE,
}


def shape_of(path: str) -> ErrorShape:
    """Return the shape of errors at a path, whether a route is there or not."""
    for prefix, shape in _BY_PREFIX.items():
        if path.startswith(prefix):
            return shape
    return PROBLEM_JSON
