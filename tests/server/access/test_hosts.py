"""Which names of the server a request may use."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from server.access.hosts import cannot_be_rebound, host_of
from tests.server.kit.ready_client import ready_client

ALLOWED = ("otmv.example", "::1")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("otmv.example", 200),
        ("OTMV.Example:8000", 200),
        ("otmv.example.", 200),
        ("[::1]:8000", 200),
        ("[::1]", 200),
        ("evil.example", 421),
        ("otmv.example.evil.example", 421),
        ("otmv.example@evil.example", 421),
        ("evil.example/otmv.example", 421),
        ("otmv.example:8000:otmv.example", 421),
        ("", 421),
    ],
)
def test_only_listed_hosts_are_served(host: str, status: int) -> None:
    with ready_client(allowed_hosts=ALLOWED) as client:
        response = client.get("/v1/variants", headers={"Host": host})
        assert response.status_code == status
        if status == 421:
            assert response.json()["type"] == "urn:otmv:problem:host-not-allowed"
            assert "OTMV_ALLOWED_HOSTS" in response.json()["detail"]
            assert response.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_ask_by_address(path: str) -> None:
    with ready_client(allowed_hosts=ALLOWED) as client:
        assert client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200


def test_without_a_list_any_host_is_served() -> None:
    with ready_client() as client:
        assert client.get("/v1/variants", headers={"Host": "any.example"}).status_code == 200


@pytest.mark.parametrize("host", ["otmv.example:8000", "https://otmv.example", "", "*", "a b"])
def test_a_list_holds_hosts_only(host: str) -> None:
    with pytest.raises(ValidationError, match="without a port"), ready_client(allowed_hosts=[host]):
        pass


def test_two_hosts_are_none() -> None:
    assert host_of([(b"host", b"a"), (b"host", b"b")]) == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.1.2.3", "localhost", "a.localhost"])
def test_addresses_cannot_be_rebound(host: str) -> None:
    assert cannot_be_rebound(host)


@pytest.mark.parametrize("host", ["", "otmv", "localhost.example", "127.0.0.1.example", "1_0"])
def test_names_can(host: str) -> None:
    assert not cannot_be_rebound(host)
