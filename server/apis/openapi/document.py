"""The OpenAPI document, with what FastAPI cannot see: models, headers, API keys, refusals."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from server import errors as http
from server.access.hosts import PROBES
from server.apis.openapi.operations import SCHEMA_REFERENCE
from server.apis.openapi.other_errors import error_responses
from server.errors.problem_json import ProblemModel, header_references, openapi_responses
from server.errors.shapes import PROBLEM_JSON, shape_of
from server.errors.statuses import BAD_REQUEST, INTERNAL, Problem

_SCHEME = "apiKey"
_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
_SERVERS = [{"url": "/", "description": "The server that this document came from."}]
_OF_EVERY_ROUTE: tuple[type[Exception] | Problem, ...] = (
    BAD_REQUEST,
    http.HeadTooSlow,
    http.HeadTooLarge,
    INTERNAL,
    http.TooManyHeads,
    http.TooManyConnections,
    MemoryError,
)
"""How any request may be refused, or fail."""
_HEADERS = {
    "X-Request-Id": {
        "description": "The request's own id, or a new one; the log has it.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:/+=@-]{1,128}$"},
    },
    "Retry-After": {
        "description": "Seconds until it is worth trying again.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "Server-Timing": {
        "description": "The phases of the slowest answer, ms; a stream has them in `done`.",
        "schema": {"type": "string"},
    },
}
_CHALLENGE = {
    "description": "How to send an API key (RFC 6750).",
    "required": True,
    "schema": {"type": "string"},
}


def install_openapi(
    app: FastAPI,
    requests: Sequence[type[BaseModel]],
    unguarded: Container[str] | None,
    named_hosts: bool = False,
) -> None:
    """Make the app's OpenAPI document hold the models our routes refer to.

    `requests`: the JSON bodies that routes read themselves. `unguarded`: the paths that need no
    API key, None if none does. `named_hosts`: only some hosts may be named in `Host`.
    """

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = _with_components(app, [*requests, ProblemModel])
            for path, operation in _operations(made):
                _add_refusals(path, operation, _OF_EVERY_ROUTE)
                for response in operation["responses"].values():
                    response.setdefault("headers", header_references())
            if unguarded is not None:
                _add_keys(made, unguarded)
            if named_hosts:
                for path, operation in _operations(made):
                    _add_refusals(path, operation, () if path in PROBES else (http.HostNotAllowed,))
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _with_components(app: FastAPI, wanted: Sequence[type[BaseModel]]) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        license_info=_LICENSE,
        servers=_SERVERS,
    )
    document["security"] = []  # what an operation does not say otherwise
    _, definitions = models_json_schema(
        [(model, "validation") for model in wanted], ref_template=SCHEMA_REFERENCE
    )
    models = definitions["$defs"]
    models["Problem"] = models.pop(ProblemModel.__name__, models.get("Problem"))
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(models)
    components["headers"] = dict(_HEADERS)
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every operation, with its path."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def _add_refusals(
    path: str, operation: dict[str, Any], errors: Iterable[type[Exception] | Problem]
) -> None:
    """Add errors to an operation's responses, beside those that it has, in its API's shape."""
    shape = shape_of(path)
    ours = shape is PROBLEM_JSON
    responses = operation["responses"]
    refusals = openapi_responses(errors) if ours else error_responses(shape, errors)
    for status, refusal in refusals.items():
        known = responses.setdefault(str(status), refusal)
        if known is refusal:
            continue
        known["description"] += f"; {refusal['description']}"
        if ours:
            types = [_types(each) for each in (known, refusal)]
            types[0] += [uri for uri in types[1] if uri not in types[0]]
    operation["responses"] = dict(sorted(responses.items()))


def _types(response: dict[str, Any]) -> list[str]:
    """Return the list of problem types in a response."""
    (content,) = response["content"].values()
    types: list[str] = content["schema"]["allOf"][1]["properties"]["type"]["enum"]
    return types


def _add_keys(document: dict[str, Any], unguarded: Container[str]) -> None:
    described = {"type": "http", "scheme": "bearer", "description": "An API key of this server."}
    document["components"]["securitySchemes"] = {_SCHEME: described}
    document["components"]["headers"]["WWW-Authenticate"] = _CHALLENGE
    for path, operation in _operations(document):
        if path in unguarded:
            continue
        operation["security"] = [{_SCHEME: []}]
        _add_refusals(path, operation, (http.Unauthorized, http.RateExceeded))
        operation["responses"]["401"]["headers"] = header_references("WWW-Authenticate")
