"""The OpenAPI description of a route that reads its body itself."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from server.http.media_types import FORM, JSON
from server.requests.budget import BUDGET_HEADERS, BudgetFields
from server.requests.fields import LONGEST_TEXT, SHORTEST_TEXT
from server.requests.reader import RequestShape

EVENTS = "text/event-stream"
SCHEMA_REFERENCE = "#/components/schemas/{model}"
_SHOWN_BUDGET = "A field in the body wins over its header."


def task_operation(shape: RequestShape[Any]) -> dict[str, Any]:
    """Return request body and header parameters of a task's route, from its models."""
    return {
        "requestBody": {
            "required": True,
            "content": {
                FORM: {"schema": _form_schema(shape)},
                JSON: {"schema": {"$ref": SCHEMA_REFERENCE.format(model=shape.json.__name__)}},
            },
        },
        "parameters": _budget_headers(),
    }


def json_operation(request: type[BaseModel], required: bool = False) -> dict[str, Any]:
    """Return the JSON body of a route that reads it itself."""
    content = {JSON: {"schema": request.model_json_schema()}}
    return {"requestBody": {"required": required, "content": content}}


def event_stream(answer: type[BaseModel], example: str) -> dict[str, Any]:
    """Return the 200 of a route that answers with one body or, if asked, streams events."""
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


def _form_schema(shape: RequestShape[Any]) -> dict[str, Any]:
    own = shape.fields.model_json_schema()
    budget = BudgetFields.model_json_schema()["properties"]
    text = {"type": "string", "minLength": SHORTEST_TEXT, "maxLength": LONGEST_TEXT}
    texts = {"type": "array", "items": text, "minItems": 1}
    fields = {
        name: texts if name in shape.lists else own["properties"][name]
        for name in shape.form_fields
    }
    properties = {"image": _files(shape.pictures), **fields, **budget}
    needed = [name for name in own.get("required", []) if name in shape.form_fields]
    required = dict.fromkeys(["image", *needed, *shape.lists])
    return {"type": "object", "required": list(required), "properties": properties}


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
