"""The OpenAPI description of a route that reads its body itself."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from pictures.picture import ACCEPTED_FORMATS
from server.errors.problem_json import header_references
from server.http.media_types import FORM, JSON
from server.requests.budget import BUDGET_HEADERS, FIRST_TOKEN_HEADERS, BudgetFields
from server.requests.reader import RequestShape

EVENTS = "text/event-stream"
SCHEMA_REFERENCE = "#/components/schemas/{model}"
_PICTURE_TYPES = ", ".join(f"image/{kind.lower()}" for kind in ACCEPTED_FORMATS)
_SHOWN_BUDGET = "A field in the body wins over its header."


def task_operation(shape: RequestShape[Any]) -> dict[str, Any]:
    """Return request body and header parameters of a task's route, from its models."""
    return {
        "requestBody": {
            "required": True,
            "content": {
                FORM: {
                    "schema": _form_schema(shape),
                    "encoding": {"image": {"contentType": _PICTURE_TYPES}},
                },
                JSON: {"schema": {"$ref": SCHEMA_REFERENCE.format(model=shape.json.__name__)}},
            },
        },
        "parameters": budget_headers(),
    }


def json_operation(request: type[BaseModel], required: bool = False) -> dict[str, Any]:
    """Return the JSON body of a route that reads it itself."""
    schema = {"$ref": SCHEMA_REFERENCE.format(model=request.__name__)}
    content = {JSON: {"schema": schema}}
    return {"requestBody": {"required": required, "content": content}}


def answered(answer: type[BaseModel], events_example: str | None) -> dict[str, Any]:
    """Return the 200 of a task's route: one body or, if asked and it can, a stream of events."""
    found = {
        "description": (answer.__doc__ or "").partition("\n")[0],
        "headers": header_references("Server-Timing"),
    }
    if events_example is None:
        return found
    text = (
        "One server-sent event: `token` with the next piece of text; then `done` with a "
        f"{answer.__name__}, or `error` with a Problem if it failed after the start."
    )
    event = {
        "event": {"enum": ["token", "done", "error"]},
        "data": {"type": "string", "contentMediaType": JSON},
    }
    schema = {"type": "object", "description": text, "properties": event, "required": [*event]}
    return found | {
        "description": f"{answer.__doc__} With `stream`, as events:\n\n```\n{events_example}```",
        "content": {EVENTS: {"schema": schema}},
    }


def _form_schema(shape: RequestShape[Any]) -> dict[str, Any]:
    """Return the schema of a form: a field is given or left out, so nothing in it is null.

    What `anyOf` says of several fields holds in a form too; `oneOf` is about fields that are lists.
    """
    own = shape.fields.model_json_schema()
    properties = {name: without_null(field) for name, field in own["properties"].items()}
    fields = {
        name: properties[shape.lists[name]] if name in shape.lists else properties[name]
        for name in shape.form_fields
    }
    needed = [name for name in own.get("required", []) if name in shape.form_fields]
    pictures = ["image"] if shape.pictures[0] else []
    return {
        "type": "object",
        "required": list(dict.fromkeys([*pictures, *needed, *shape.lists])),
        "properties": {"image": _files(*shape.pictures), **fields, **_budget()},
        "additionalProperties": False,
        **{word: rule for word, rule in own.items() if word == "anyOf"},
    }


def _files(least: int, most: int) -> dict[str, Any]:
    file = {"type": "string", "format": "binary"}
    if most == 1:
        return file
    return {"type": "array", "items": file, "minItems": least, "maxItems": most}


def budget_headers() -> list[dict[str, Any]]:
    """Return the headers of a request's budget."""
    return [
        {
            "name": "-".join(part.capitalize() for part in header.split("-")),
            "in": "header",
            "required": False,
            "description": f"{_budget()[field].get('description', '')} {_SHOWN_BUDGET}".strip(),
            "schema": _budget()[field],
        }
        for header, field in BUDGET_HEADERS.items()
    ] + [
        {
            "name": header,
            "in": "header",
            "required": False,
            "description": "Time to the first token, ms: bounds the whole answer.",
            "schema": _budget()["max_latency_ms"],
        }
        for header in FIRST_TOKEN_HEADERS
    ]


def _budget() -> dict[str, dict[str, Any]]:
    """Return the schemas of the budget's fields, where each is given or left out."""
    fields = BudgetFields.model_json_schema()["properties"]
    return {name: without_null(field) for name, field in fields.items()}


def without_null(field: dict[str, Any]) -> dict[str, Any]:
    """Return a field's schema without null, its title and a default of null."""
    kept = {key: value for key, value in field.items() if key not in ("title", "anyOf")}
    if kept.get("default", ...) is None:
        del kept["default"]
    for one in field.get("anyOf", ()):
        if one.get("type") != "null":
            kept = one | kept
    return kept
