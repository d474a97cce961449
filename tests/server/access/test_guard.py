"""API keys: which requests pass, how often, with which budgets, and how the rest is refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from engine.telemetry import Telemetry
from server.access.guard import open_paths
from server.access.keys import sha256_of
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.good_question import FILE
from tests.server.kit.live_server import serving_fake
from tests.server.kit.ready_client import ManualClock, ready_client

ALICE, BOB = "otmv-alice", "otmv-bob"


def keys(**alice: Any) -> dict[str, Any]:
    return {
        "alice": {"sha256": sha256_of(ALICE), **alice},
        "bob": {"sha256": sha256_of(BOB).upper()},
    }


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def ask(client: TestClient, headers: dict[str, str] | None = None, **more: str) -> Any:
    return client.post("/v1/vqa", files=FILE, data={"question": "q?", **more}, headers=headers)


def counted(telemetry: Telemetry, key: str, outcome: str) -> float | None:
    labels = {"api_key": key, "outcome": outcome}
    return telemetry.registry.get_sample_value("otmv_api_key_requests_total", labels)


def test_without_keys_every_request_is_served() -> None:
    telemetry = Telemetry()
    with ready_client(telemetry=telemetry) as client:
        assert ask(client).status_code == 200
        assert ask(client, bearer("whatever")).status_code == 200
    assert counted(telemetry, "none", "unauthorized") is None


@pytest.mark.parametrize(
    ("headers", "given"),
    [
        ({}, False),
        ({"Authorization": ""}, False),
        ({"Authorization": "Bearer"}, False),
        ({"Authorization": "Bearer "}, False),
        ({"Authorization": f"Basic {ALICE}"}, False),
        ({"Authorization": ALICE}, False),
        (bearer("otmv-eve"), True),
        (bearer(ALICE + "x"), True),
        (bearer(sha256_of(ALICE)), True),
        (bearer("alice"), True),
        (bearer("\xff\xfe"), True),
    ],
)
def test_a_request_without_a_key_is_told_how_to_send_one(
    headers: dict[str, str], given: bool
) -> None:
    pool, telemetry = FakePool(), Telemetry()
    with ready_client(pool, telemetry, keys=keys()) as client:
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        response = client.post("/v1/vqa", files=FILE, data={"question": "q?"}, headers=raw)  # type: ignore[arg-type]
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    challenge = response.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="otmv"')
    assert ('error="invalid_token"' in challenge) is given
    body = response.json()
    assert body["type"] == "urn:otmv:problem:unauthorized"
    assert body["request_id"] == response.headers["x-request-id"]
    assert not pool.admitted
    assert counted(telemetry, "none", "unauthorized") == 1


def test_two_credentials_are_none() -> None:
    with ready_client(keys=keys()) as client:
        both = [("Authorization", f"Bearer {ALICE}"), ("Authorization", f"Bearer {BOB}")]
        assert client.get("/v1/variants", headers=both).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
def test_a_known_key_is_served(scheme: str) -> None:
    telemetry = Telemetry()
    with ready_client(telemetry=telemetry, keys=keys()) as client:
        assert ask(client, {"Authorization": f"{scheme} {BOB}"}).status_code == 200
    assert counted(telemetry, "bob", "passed") == 1
    assert counted(telemetry, "alice", "passed") == 0
    assert counted(telemetry, "none", "unauthorized") == 0


@pytest.mark.parametrize("path", sorted(open_paths(guard_metrics=False)))
def test_probes_and_pages_stay_open(path: str) -> None:
    with ready_client(keys=keys()) as client:
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/variants", "/v1/vqa", "/v1/nothing", "/assets/", "/docs/", "/metrics/", "/x"]
)
def test_everything_else_is_guarded_whatever_the_method(path: str) -> None:
    with ready_client(keys=keys()) as client:
        for method in ("GET", "POST", "HEAD", "OPTIONS", "DELETE"):
            response = client.request(method, path, follow_redirects=False)
            assert response.status_code == 401, (method, path)


def test_metrics_can_be_guarded_too() -> None:
    with ready_client(keys=keys(), guard_metrics=True) as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers=bearer(ALICE)).status_code == 200
        assert client.get("/readyz").status_code == 200


def test_a_key_used_too_often_waits_as_long_as_the_answer_says() -> None:
    clock, telemetry, pool = ManualClock(), Telemetry(), FakePool()
    with ready_client(pool, telemetry, clock, keys=keys(rate_per_s=0.4, burst=2)) as client:
        assert [ask(client, bearer(ALICE)).status_code for _ in range(2)] == [200, 200]
        refused = ask(client, bearer(ALICE))
        assert refused.status_code == 429
        assert refused.json()["type"] == "urn:otmv:problem:rate-exceeded"
        assert refused.json()["retry_after_s"] == pytest.approx(2.5)
        assert refused.headers["retry-after"] == "3"
        assert ask(client, bearer(BOB)).status_code == 200
        clock.at_s += 2.4
        assert ask(client, bearer(ALICE)).status_code == 429
        clock.at_s += 0.2
        assert ask(client, bearer(ALICE)).status_code == 200
    assert len(pool.admitted) == 4
    assert counted(telemetry, "alice", "passed") == 3
    assert counted(telemetry, "alice", "rate_exceeded") == 2
    assert counted(telemetry, "bob", "rate_exceeded") == 0


def test_a_client_that_is_still_sending_reads_its_refusal() -> None:
    body = b"x" * 10 * 2**20
    with serving_fake(FakePool(), keys=keys()) as server, httpx.Client() as client:
        for _ in range(2):
            response = client.post(f"{server.url}/v1/vqa", content=body)
            assert response.status_code == 401
        assert client.get(f"{server.url}/readyz").status_code == 200


def test_a_guessed_key_takes_nothing_from_the_rate_of_another() -> None:
    with ready_client(clock=ManualClock(), keys=keys(rate_per_s=1)) as client:
        assert [ask(client, bearer("otmv-eve")).status_code for _ in range(5)] == [401] * 5
        assert ask(client, bearer(ALICE)).status_code == 200
        assert ask(client, bearer(ALICE)).status_code == 429


def test_a_keys_budgets_apply_where_the_request_names_none() -> None:
    pool = FakePool()
    budgets = keys(default_max_latency_ms=250, default_on_miss="reject")
    with ready_client(pool, keys=budgets) as client:
        ask(client, bearer(ALICE))
        ask(client, bearer(ALICE), max_latency_ms="900")
        ask(client, bearer(ALICE) | {"X-Otmv-On-Miss": "degrade"})
        ask(client, bearer(BOB))
        client.post("/v1/caption", files=FILE, headers=bearer(ALICE))
        two = [("image", FILE["image"])] * 2
        client.post("/v1/reason", files=two, data={"statement": "s"}, headers=bearer(ALICE))
    found = [(ticket.budget.max_latency_ms, ticket.budget.on_miss) for ticket in pool.admitted]
    assert found == [
        (250, "reject"),
        (900, "reject"),
        (250, "degrade"),
        (None, "degrade"),
        (250, "reject"),
        (250, "reject"),
    ]
