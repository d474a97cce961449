"""The OpenAPI document, with the models and API keys that FastAPI cannot see."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from server.errors import RateExceeded, Unauthorized
from server.errors.problem_json import ProblemModel, openapi_responses
from server.routes.openapi_operations import SCHEMA_REFERENCE

_SCHEME = "apiKey"


def install_openapi(
    app: FastAPI, requests: Sequence[type[BaseModel]], unguarded: Container[str] | None
) -> None:
    """Make the app's OpenAPI document hold the models our routes refer to.

    `requests`: the JSON bodies that routes read themselves. `unguarded`: the paths that need no
    API key, None if none does.
    """

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_components(app, [*requests, ProblemModel])
            if unguarded is not None:
                _add_keys(app.openapi_schema, unguarded)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _with_components(app: FastAPI, wanted: Sequence[type[BaseModel]]) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    _, definitions = models_json_schema(
        [(model, "validation") for model in wanted], ref_template=SCHEMA_REFERENCE
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
