"""The OpenAPI page describes what the server does, from the same models and the same table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from server.errors.statuses import PROBLEMS
from tests.server.kit.bad_requests import corpus
from tests.server.kit.ready_client import ready_client


@pytest.fixture
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    names = set(references(document))
    assert names
    for name in names:
        _, components, kind, component = name.split("/")
        assert components == "components"
        assert component in document["components"][kind], name


def test_routes_are_listed(document: dict[str, Any]) -> None:
    names = ("vqa", "caption", "reason", "embed", "rank", "variants", "activity")
    openai = ("chat/completions", "embeddings", "models", "models/{model}")
    wanted = {f"/v1/{name}" for name in (*names, *openai)}
    wanted |= {"/v1/artifacts/reload", "/v1/memory-budget"}
    model = "/v2/models/{model}"
    wanted |= {"/v2", "/v2/health/live", "/v2/health/ready", model, f"{model}/ready"}
    wanted |= {f"{model}/infer", f"{model}/versions/1/infer"}
    wanted |= {f"/hf/{name}" for name in ("visual-question-answering", "image-to-text")}
    wanted |= {"/hf/models/{model}"}
    wanted |= {"/v1/adapters", "/v1/adapters/{name}"}
    wanted |= {"/healthz", "/readyz", "/metrics"}
    assert set(document["paths"]) == wanted


@pytest.mark.parametrize("path", ["/v1/vqa", "/v1/caption", "/v1/reason"])
def test_both_bodies_and_the_budget_headers_are_described(
    document: dict[str, Any], path: str
) -> None:
    operation = document["paths"][path]["post"]
    content = operation["requestBody"]["content"]
    assert set(content) == {"application/json", "multipart/form-data"}
    form = content["multipart/form-data"]["schema"]["properties"]
    image = form["image"]
    assert (image["items"] if path == "/v1/reason" else image)["format"] == "binary"
    assert {
        "max_latency_ms",
        "max_memory_mb",
        "min_quality",
        "variant",
        "on_miss",
        "min_on_time_probability",
    } <= set(form)
    headers = {entry["name"] for entry in operation["parameters"]}
    assert {"X-Otmv-Max-Latency-Ms", "X-Otmv-On-Miss"} <= headers


def test_documented_statuses_cover_what_the_corpus_gets(document: dict[str, Any]) -> None:
    for path in ("/v1/vqa", "/v1/caption", "/v1/reason"):
        listed = {int(status) for status in document["paths"][path]["post"]["responses"]}
        expected = {
            status
            for case in corpus()
            if case.path == path and case.method == "POST"
            for status in case.expected
        }
        assert expected <= listed
        assert {429, 500, 503, 504} <= listed


def test_problem_types_shown_are_those_of_the_table(document: dict[str, Any]) -> None:
    responses = document["paths"]["/v1/vqa"]["post"]["responses"]
    shown = responses["422"]["description"]
    for problem in {p for p in PROBLEMS.values() if p.slug in ("no-variant-fits", "remote-url")}:
        assert problem.type_uri in shown
    schema = responses["422"]["content"]["application/problem+json"]["schema"]
    general, own = schema["allOf"]
    assert general == {"$ref": "#/components/schemas/Problem"}
    assert own["properties"]["status"] == {"const": 422}
    types = own["properties"]["type"]["enum"]
    assert len(types) == len(set(types))
    assert all(uri in shown for uri in types)


def bodies(document: dict[str, Any], path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schemas of a task's form and of its JSON body."""
    content = document["paths"][path]["post"]["requestBody"]["content"]
    name = content["application/json"]["schema"]["$ref"].split("/")[-1]
    return content["multipart/form-data"]["schema"], document["components"]["schemas"][name]


def test_what_the_new_fields_take_is_described(document: dict[str, Any]) -> None:
    contents = {
        path: document["paths"][path]["post"]["requestBody"]["content"]
        for path in ("/v1/caption", "/v1/reason")
    }
    caption = contents["/v1/caption"]["multipart/form-data"]["schema"]["properties"]
    assert (caption["num_beams"]["minimum"], caption["num_beams"]["maximum"]) == (1, 8)
    assert caption["stream"]["type"] == "boolean"
    for schema in bodies(document, "/v1/caption"):
        assert schema["anyOf"] == [
            {"properties": {"stream": {"const": False}}},
            {"properties": {"num_beams": {"const": 1}}},
        ]
    reason = contents["/v1/reason"]["multipart/form-data"]["schema"]
    assert (reason["properties"]["image"]["minItems"], reason["required"]) == (
        2,
        ["image", "statement"],
    )
    schemas = document["components"]["schemas"]
    assert schemas["ReasonRequest"]["required"] == ["statement", "images"]
    assert schemas["ReasonResponse"]["properties"]["answer"]["type"] == "boolean"


def test_a_caption_is_one_body_or_a_stream(document: dict[str, Any]) -> None:
    content = document["paths"]["/v1/caption"]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/event-stream"}
    assert content["application/json"]["schema"]["$ref"].endswith("/CaptionResponse")
    shown = content["text/event-stream"]
    for event in ("token", "done", "error"):
        assert f"`{event}`" in shown["schema"]["description"]


def test_without_keys_no_key_is_asked_for(document: dict[str, Any]) -> None:
    assert "securitySchemes" not in document["components"]
    for operations in document["paths"].values():
        for operation in operations.values():
            assert "security" not in operation
            assert "401" not in operation["responses"]


@pytest.mark.parametrize("metrics", [False, True])
def test_with_keys_the_guarded_routes_ask_for_one(metrics: bool) -> None:
    with ready_client(keys={"alice": {"sha256": "0" * 64}}, guard_metrics=metrics) as client:
        document = client.get("/openapi.json").json()
    (scheme,) = document["components"]["securitySchemes"].items()
    assert (scheme[1]["type"], scheme[1]["scheme"]) == ("http", "bearer")
    for path, operations in document["paths"].items():
        for operation in operations.values():
            asks = path.startswith(("/v1/", "/v2", "/hf/")) and "/health/" not in path
            guarded = asks or (metrics and path == "/metrics")
            assert ("security" in operation) is guarded, path
            assert ("401" in operation["responses"]) is guarded, path
            if guarded:
                assert operation["security"] == [{scheme[0]: []}]
                assert (
                    "urn:otmv:problem:unauthorized" in operation["responses"]["401"]["description"]
                )
                assert (
                    "urn:otmv:problem:rate-exceeded" in operation["responses"]["429"]["description"]
                )
    shown = document["paths"]["/v1/vqa"]["post"]["responses"]["429"]["description"]
    assert "urn:otmv:problem:queue-full" in shown


def test_docs_page_opens(client: TestClient) -> None:
    assert client.get("/docs").status_code == 200
