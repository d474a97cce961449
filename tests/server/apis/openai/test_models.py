"""The names that `model` may have."""

from __future__ import annotations

from starlette.testclient import TestClient


def test_the_model_and_each_variant_are_listed(client: TestClient) -> None:
    listed = client.get("/v1/models").json()
    assert listed["object"] == "list"
    assert [each["id"] for each in listed["data"]] == ["fake", "fake:full", "fake:d2"]
    assert {each["object"] for each in listed["data"]} == {"model"}


def test_one_is_found_by_any_name_that_requests_take(client: TestClient) -> None:
    found = client.get("/v1/models/fake/vqa:d2")
    assert (found.status_code, found.json()["id"]) == (200, "fake/vqa:d2")
    missing = client.get("/v1/models/other")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "model_not_found"
