"""HEAD answers as GET does, without the body; OPTIONS names the methods of a path."""

from __future__ import annotations

import httpx
import pytest
from starlette.testclient import TestClient

from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import serving_fake


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/variants", "/docs"])
def test_head_is_get_without_a_body(client: TestClient, path: str) -> None:
    response = client.head(path)
    assert response.status_code == 200
    assert not response.content
    assert response.headers["content-type"] == client.get(path).headers["content-type"]
    assert response.headers["x-request-id"]


@pytest.mark.parametrize(("path", "status"), [("/v1/vqa", 405), ("/v1/nothing", 404)])
def test_head_is_refused_where_get_is(client: TestClient, path: str, status: int) -> None:
    response = client.head(path)
    assert response.status_code == status
    assert not response.content


def test_a_connection_is_usable_after_head() -> None:
    with serving_fake(FakePool()) as server, httpx.Client(base_url=server.url) as client:
        for _ in range(3):
            assert client.head("/healthz").status_code == 200
            assert client.get("/healthz").json()["state"] == "ready"


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/v1/vqa", {"POST", "OPTIONS"}), ("/v1/variants", {"GET", "HEAD", "OPTIONS"})],
)
def test_options_names_the_methods(client: TestClient, path: str, methods: set[str]) -> None:
    response = client.options(path)
    assert response.status_code == 204
    assert set(response.headers["allow"].split(", ")) == methods
    assert not response.content


def test_options_of_nothing_is_not_found(client: TestClient) -> None:
    response = client.options("/v1/nothing")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
