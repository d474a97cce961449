"""Embeddings: what is refused, and how; vectors are tested with a model that makes them."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.kit.chat import refused

EMBEDDINGS = "/v1/embeddings"


def ask(client: TestClient, **body: Any) -> Any:
    return client.post(EMBEDDINGS, json={"model": "fake", "input": "a red circle", **body})


def test_a_model_that_makes_no_vectors_has_none_by_that_name(client: TestClient) -> None:
    for name in ("fake", "fake/embed"):
        error = refused(ask(client, model=name), 404, "model")
        assert error["code"] == "model_not_found"
        assert "vqa, caption, reason" in error["message"]


def test_another_task_is_not_asked_for_vectors(client: TestClient) -> None:
    error = refused(ask(client, model="fake/vqa"), 400, "model")
    assert "vqa makes no vectors; ask for embed" in error["message"]


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        ({"input": [1, 2, 3]}, "input", "token ids are not read"),
        ({"input": [[1, 2], [3]]}, "input", "token ids are not read"),
        ({"input": []}, "input", "at least 1"),
        ({"input": ["a"] * 33}, "input", "at most 32"),
        ({"input": " "}, "input", "has no words"),
        ({"input": ["a", ""]}, "input.1", "at least 1"),
        ({"encoding_format": "hex"}, "encoding_format", "'float' or 'base64'"),
        ({"dimensions": 0}, "dimensions", "greater than or equal to 1"),
        ({"task_type": "query"}, "task_type", "unknown"),
    ],
)
def test_what_is_not_taken_is_refused_by_name(
    client: TestClient, body: dict[str, Any], param: str, said: str
) -> None:
    assert said in refused(ask(client, **body), 400, param)["message"].replace("Extra", "unknown")


def test_a_form_is_no_request_for_embeddings(client: TestClient) -> None:
    response = client.post(EMBEDDINGS, data={"model": "fake", "input": "a"})
    assert refused(response, 415, None)["type"] == "invalid_request_error"
