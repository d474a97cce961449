"""The names that `model` may have."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from artifact.adapters.folder import write_adapter
from tests.artifact.adapters.made_adapters import a_record, drawn
from tests.server.kit.chat import PICTURE, ask, refused, text
from tests.server.kit.fake_pool import FakePool


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


def test_an_adapter_is_named_behind_the_model(
    client: TestClient, pool: FakePool, tmp_path: Path
) -> None:
    record = a_record(name="pets")
    write_adapter(tmp_path / "pets", record, drawn(record))
    pool.load_adapter(tmp_path / "pets")
    assert client.get("/v1/models").json()["data"][-1]["id"] == "fake@pets"
    assert ask(client, [PICTURE, text("what color?")], model="fake:d2@pets").status_code == 200
    assert (pool.shelf.asked, pool.admitted[0].budget.variant) == (["pets"], "d2")
    missing = refused(ask(client, [PICTURE], model="fake@cats"), 404, "model")
    assert "pets" in missing["message"]
