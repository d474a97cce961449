"""The parts of the OpenAPI page that FastAPI cannot see: bodies we read ourselves, problems."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from server.errors import RateExceeded, Unauthorized
from server.errors.statuses import openapi_responses
from server.requests.reader import BUDGET_HEADERS, FORM, JSON
from server.schemas import (
    BudgetFields,
    CaptionRequest,
    ProblemModel,
    ReasonRequest,
    VqaRequest,
)

EVENTS = "text/event-stream"
_REF = "#/components/schemas/{model}"
_SCHEME = "apiKey"
_SHOWN_BUDGET = "A field in the body wins over its header."


def infer_operation(
    request: type[BaseModel],
    fields: type[BaseModel],
    repeated: str | None = None,
    pictures: int = 1,
) -> dict[str, Any]:
    """Return request body and header parameters of an inference route, from its models."""
    return {
        "requestBody": {
            "required": True,
            "content": {
                FORM: {"schema": _form_schema(fields, repeated, pictures)},
                JSON: {"schema": {"$ref": _REF.format(model=request.__name__)}},
            },
        },
        "parameters": _budget_headers(),
    }


def json_operation(request: type[BaseModel]) -> dict[str, Any]:
    """Return the optional JSON body of a route that reads it itself."""
    content = {JSON: {"schema": request.model_json_schema()}}
    return {"requestBody": {"required": False, "content": content}}


def event_stream(answer: type[BaseModel]) -> dict[str, Any]:
    """Return the 200 of a route that answers with one body or, if asked, streams events."""
    example = (
        'event: token\ndata: {"text": "a red"}\n\n'
        'event: token\ndata: {"text": " circle"}\n\n'
        'event: done\ndata: {"caption": "a red circle", "variant": "full", ...}\n\n'
    )
    text = (
        "Server-sent events: `token` with the next piece of text; then `done` with a "
        f"{answer.__name__}, or `error` with a Problem if it failed after the start."
    )
    return {
        "description": f"{answer.__doc__} With `stream`, as server-sent events.",
        "content": {
            EVENTS: {"schema": {"type": "string", "description": text}, "example": example}
        },
    }


def install(app: FastAPI, unguarded: Container[str] | None) -> None:
    """Make the app's OpenAPI document hold the models our routes refer to.

    `unguarded`: the paths that need no API key, None if none does.
    """

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_components(app)
            if unguarded is not None:
                _add_keys(app.openapi_schema, unguarded)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _with_components(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    wanted: list[type[BaseModel]] = [VqaRequest, CaptionRequest, ReasonRequest, ProblemModel]
    _, definitions = models_json_schema(
        [(model, "validation") for model in wanted], ref_template=_REF
    )
    models = definitions["$defs"]
    models["Problem"] = models.pop(ProblemModel.__name__, models.get("Problem"))
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(models)
    return document


def _add_keys(document: dict[str, Any], unguarded: Container[str]) -> None:
    described = {"type": "http", "scheme": "bearer", "description": "An API key of this server."}
    document["components"]["securitySchemes"] = {_SCHEME: described}
    refusals = openapi_responses((Unauthorized, RateExceeded))
    for path, methods in document["paths"].items():
        if path in unguarded:
            continue
        for operation in methods.values():
            operation["security"] = [{_SCHEME: []}]
            for status, refusal in refusals.items():
                known = operation["responses"].setdefault(str(status), refusal)
                if known is not refusal:
                    known["description"] += f"; {refusal['description']}"


def _form_schema(fields: type[BaseModel], repeated: str | None, pictures: int) -> dict[str, Any]:
    own = fields.model_json_schema()
    budget = BudgetFields.model_json_schema()["properties"]
    properties: dict[str, Any] = {"image": _files(pictures)}
    for name, schema in (own["properties"] | budget).items():
        if name not in ("budget", "questions"):
            properties[name] = schema
    required = ["image", *own.get("required", [])]
    if repeated is not None:
        text = {"type": "string", "minLength": 1, "maxLength": 2000}
        properties[repeated] = {"type": "array", "items": text, "minItems": 1}
        required.append(repeated)
    return {"type": "object", "required": required, "properties": properties}


def _files(count: int) -> dict[str, Any]:
    file = {"type": "string", "format": "binary"}
    if count == 1:
        return file
    return {"type": "array", "items": file, "minItems": count, "maxItems": count}


def _budget_headers() -> list[dict[str, Any]]:
    schemas = BudgetFields.model_json_schema()["properties"]
    return [
        {
            "name": "-".join(part.capitalize() for part in header.split("-")),
            "in": "header",
            "required": False,
            "description": f"{schemas[field].get('description', '')} {_SHOWN_BUDGET}".strip(),
            "schema": {key: value for key, value in schemas[field].items() if key != "title"},
        }
        for header, field in BUDGET_HEADERS.items()
    ]
