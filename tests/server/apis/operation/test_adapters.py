"""Adapters over HTTP: listing, loading and dropping them, and asking with one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from artifact.adapters.folder import TENSORS_NAME, write_adapter
from server.access.keys import sha256_of
from tests.artifact.adapters.made_adapters import a_record, drawn
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.good_question import IMAGE, ask_question
from tests.server.kit.ready_client import ready_client

ADAPTERS = "/v1/adapters"


def write(root: Path, name: str) -> None:
    record = a_record(name=name)
    write_adapter(root / name, record, drawn(record))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "pets")
    return tmp_path


@pytest.fixture
def pool() -> FakePool:
    return FakePool()


@pytest.fixture
def client(pool: FakePool, root: Path) -> Iterator[TestClient]:
    with ready_client(pool, adapters=root, reload=True) as made:
        yield made


def load(client: TestClient, name: Any) -> Any:
    return client.post(ADAPTERS, json={"name": name})


def kind(response: Any) -> str:
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["type"]).removeprefix("urn:otmv:problem:")


def names(client: TestClient) -> list[str]:
    return [each["name"] for each in client.get(ADAPTERS).json()["adapters"]]


def test_those_of_the_folder_are_loaded_at_start(client: TestClient) -> None:
    (listed,) = client.get(ADAPTERS).json()["adapters"]
    assert listed["name"] == "pets"
    assert listed["kind"] == "lora"
    assert listed["tasks"] == ["vqa"]
    assert len(listed["sha256"]) == 64
    assert listed["requests"] == 0


def test_a_broken_one_of_the_folder_is_left_out(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(root, "broken")
    (root / "broken" / TENSORS_NAME).write_bytes(b"short")
    with ready_client(adapters=root) as client:
        assert names(client) == ["pets"]
    assert "an adapter is left out" in caplog.text


def test_one_is_loaded_and_dropped(client: TestClient, root: Path) -> None:
    write(root, "birds")
    loaded = load(client, "birds")
    assert (loaded.status_code, loaded.json()["name"]) == (200, "birds")
    assert names(client) == ["pets", "birds"]
    dropped = client.delete(f"{ADAPTERS}/pets")
    assert (dropped.status_code, dropped.content) == (204, b"")
    assert names(client) == ["birds"]


def test_a_question_is_answered_with_the_one_it_names(client: TestClient, pool: FakePool) -> None:
    ask_question(client, adapter="pets")
    ask_question(client)
    assert pool.shelf.asked == ["pets", None]


def test_one_that_is_not_loaded_is_refused_naming_those_that_are(client: TestClient) -> None:
    response = client.post(
        "/v1/vqa", json={"image": IMAGE, "question": "what color?", "adapter": "cars"}
    )
    assert (response.status_code, kind(response)) == (422, "unknown-adapter")
    assert "loaded are pets" in response.json()["detail"]


@pytest.mark.parametrize("name", ["a/b", "../pets", "a\x07b", "", ".hidden", "x" * 65, 3])
def test_names_that_are_none_are_refused(client: TestClient, name: object) -> None:
    for response in (
        load(client, name),
        client.post("/v1/vqa", json={"image": IMAGE, "question": "what?", "adapter": name}),
    ):
        assert (response.status_code, kind(response)) == (422, "invalid-fields")


def test_what_cannot_be_loaded(client: TestClient, root: Path) -> None:
    for response, status, slug in (
        (load(client, "nowhere"), 404, "adapter-not-there"),
        (load(client, "pets"), 409, "adapter-exists"),
        (client.delete(f"{ADAPTERS}/nowhere"), 404, "adapter-not-there"),
    ):
        assert (response.status_code, kind(response)) == (status, slug)
    shutil.rmtree(root / "pets")
    (root / "pets").mkdir()
    client.delete(f"{ADAPTERS}/pets")
    response = load(client, "pets")
    assert (response.status_code, kind(response)) == (422, "adapter-refused")
    assert "adapter.json" in response.json()["detail"]


def test_no_more_than_there_are_places(client: TestClient, root: Path) -> None:
    for name in ("birds", "cars"):
        write(root, name)
    assert load(client, "birds").status_code == 200
    response = load(client, "cars")
    assert (response.status_code, kind(response)) == (409, "no-room-for-adapter")


def test_changes_are_off_unless_allowed(root: Path) -> None:
    for settings in ({"adapters": root}, {"reload": True}):
        with ready_client(**settings) as client:
            for response in (load(client, "pets"), client.delete(f"{ADAPTERS}/pets")):
                assert (response.status_code, kind(response)) == (403, "adapters-fixed")


def test_only_operators_see_and_change_them_and_a_key_has_its_own(
    root: Path, pool: FakePool
) -> None:
    keys = {
        "tenant": {"sha256": sha256_of("one"), "default_adapter": "pets"},
        "boss": {"sha256": sha256_of("two"), "operator": True},
    }
    tenant, boss = ({"Authorization": f"Bearer {key}"} for key in ("one", "two"))
    with ready_client(pool, adapters=root, reload=True, keys=keys) as client:
        for response in (
            client.get(ADAPTERS, headers=tenant),
            client.post(ADAPTERS, json={"name": "pets"}, headers=tenant),
            client.delete(f"{ADAPTERS}/pets", headers=tenant),
        ):
            assert (response.status_code, kind(response)) == (403, "not-operator")
        assert client.get(ADAPTERS, headers=boss).status_code == 200
        asked = {"image": IMAGE, "question": "what color?"}
        assert client.post("/v1/vqa", json=asked, headers=tenant).status_code == 200
        assert client.post("/v1/vqa", json=asked, headers=boss).status_code == 200
    assert pool.shelf.asked == ["pets", None]


def test_no_parameters(client: TestClient) -> None:
    for response in (client.get(f"{ADAPTERS}?all=1"), client.delete(f"{ADAPTERS}/pets?now=1")):
        assert (response.status_code, kind(response)) == (422, "invalid-fields")
