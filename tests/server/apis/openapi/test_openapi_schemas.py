"""The schemas of the OpenAPI page: in JSON Schema's words, with every bound that is checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_specifications import REGISTRY
from pydantic import BaseModel

from server.apis.operation.adapters import LoadAdapterRequest
from server.apis.operation.artifacts import ReloadRequest
from server.apis.operation.memory_budget import MemoryBudgetRequest
from server.requests.budget import BUDGET_HEADERS, FIRST_TOKEN_HEADERS, BudgetFields
from server.tasks import SERVED_TASKS
from tests.server.kit.ready_client import ready_client

VOCABULARIES = (
    "core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "content",
)  # fmt: skip
WORDS = {
    word
    for name in VOCABULARIES
    for word in REGISTRY.contents(f"https://json-schema.org/draft/2020-12/meta/{name}")[
        "properties"
    ]
}
OF_VALUES = {"const", "default", "enum", "examples", "required"}
"""Words behind which no schema stands."""
BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
}
"""What pydantic checks, as JSON Schema says it."""
OF_LISTS = {"minLength": "minItems", "maxLength": "maxItems"}
JSON_BODIES: dict[str, type[BaseModel]] = {
    **{f"/v1/{name}": served.shape.json for name, served in SERVED_TASKS.items()},
    "/v1/artifacts/reload": ReloadRequest,
    "/v1/memory-budget": MemoryBudgetRequest,
    "/v1/adapters": LoadAdapterRequest,
}
Bound = tuple[str, str, Any]
"""A field's name, a word of JSON Schema, its value."""


@pytest.fixture(scope="module")
def page() -> Any:
    with ready_client() as client:
        return client.get("/openapi.json").json()


def schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Yield the schemas of a page, but not those inside them."""
    if isinstance(node, list):
        node = dict(enumerate(node))
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "schema":
                yield value
            elif key == "schemas":
                yield from value.values()
            elif key not in ("example", "examples"):
                yield from schemas(value)


def inside(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a schema and all inside it."""
    yield schema
    for word, value in schema.items():
        if word in ("properties", "$defs"):
            below = value.values()
        elif word in OF_VALUES:
            continue
        else:
            below = value if isinstance(value, list) else [value]
        for one in below:
            if isinstance(one, dict):
                yield from inside(one)


def on_page(page: Any, schema: dict[str, Any], name: str = "") -> Iterator[Bound]:
    """Yield the bounds in a schema."""
    if "$ref" in schema:
        yield from on_page(page, page["components"]["schemas"][schema["$ref"].split("/")[-1]], name)
    for word, value in schema.items():
        if word in {*BOUNDS.values(), *OF_LISTS.values()}:
            yield name, word, value
        elif word == "properties":
            for field, one in value.items():
                yield from on_page(page, one, field)
        elif word not in OF_VALUES:
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict):
                    yield from on_page(page, one, name)


def in_model(core: Any, name: str = "") -> Iterator[Bound]:
    """Yield the bounds that pydantic's core checks."""
    if isinstance(core, list):
        for one in core:
            yield from in_model(one, name)
    if not isinstance(core, dict):
        return
    for key, value in core.items():
        if key in BOUNDS and not isinstance(value, dict):
            word = BOUNDS[key]
            yield name, OF_LISTS.get(word, word) if core["type"] == "list" else word, value
        elif key == "fields":
            for field, one in value.items():
                yield from in_model(one, field)
        elif key != "metadata":
            yield from in_model(value, name)


def checked(model: type[BaseModel]) -> set[Bound]:
    return set(in_model(model.__pydantic_core_schema__))


def test_only_words_of_json_schema_are_used(page: Any) -> None:
    found = [inner for schema in schemas(page) for inner in inside(schema)]
    assert len(found) > 100
    assert {word for schema in found for word in schema} <= WORDS


@pytest.mark.parametrize("path", JSON_BODIES)
def test_json_bodies_have_every_bound_that_is_checked(page: Any, path: str) -> None:
    (operation,) = (each for each in page["paths"][path].values() if "requestBody" in each)
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    bounds = checked(JSON_BODIES[path])
    assert bounds
    assert set(on_page(page, schema)) == bounds


_FIELD_OF = BUDGET_HEADERS | dict.fromkeys(FIRST_TOKEN_HEADERS, "max_latency_ms")


@pytest.mark.parametrize("name", SERVED_TASKS)
def test_forms_and_headers_have_every_bound_that_is_checked(page: Any, name: str) -> None:
    shape, operation = SERVED_TASKS[name].shape, page["paths"][f"/v1/{name}"]["post"]
    as_field = {listed: field for field, listed in shape.lists.items()}
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    bounds = {(as_field.get(field, field), *bound) for field, *bound in checked(shape.fields)}
    assert {bound for bound in on_page(page, form) if bound[0] != "image"} == bounds
    headers = {
        (_FIELD_OF[header["name"].lower()], *bound)
        for header in operation["parameters"]
        for _, *bound in on_page(page, header["schema"])
    }
    assert headers == checked(BudgetFields)
