"""Another memory budget over HTTP: what it answers, which requests may ask for it, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.errors import LoadFailed
from engine.telemetry import Telemetry
from server.access.keys import sha256_of
from tests.server.kit.asgi_exchange import Exchange
from tests.server.kit.bad_requests import JSON_TYPE
from tests.server.kit.fake_app import make_app, running
from tests.server.kit.fake_memory import FakeMemory
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.ready_client import ready_client

BUDGET = "/v1/memory-budget"


@pytest.fixture
def memory() -> FakeMemory:
    return FakeMemory()


@pytest.fixture
def changeable(memory: FakeMemory) -> Iterator[TestClient]:
    telemetry = Telemetry()
    memory.watch(telemetry)
    with ready_client(FakePool(memory=memory), telemetry, reload=True) as client:
        yield client


def put(client: TestClient, budget_mb: Any) -> Any:
    return client.put(BUDGET, json={"memory_budget_mb": budget_mb})


def listed(client: TestClient) -> tuple[float | None, list[int], list[str]]:
    """Return what the list of variants says: the budget, the key blocks, the resident variants."""
    body = client.get("/v1/variants").json()
    resident = [entry["variant"] for entry in body["variants"] if entry["resident"]]
    return body["memory_budget_mb"], body["resident_keys"], resident


def test_the_answer_the_variants_and_the_gauges_tell_the_same(changeable: TestClient) -> None:
    assert listed(changeable) == (None, [0, 1], ["full", "d2"])
    assert "\notmv_memory_budget_bytes +Inf\n" in changeable.get("/metrics").text
    answer = put(changeable, 20.5)
    assert answer.status_code == 200
    assert answer.json() == {
        "memory_budget_mb": 20.5,
        "resident_mb": 15.0,
        "resident_keys": [0],
        "resident_variants": {"vqa": ["d2"]},
    }
    assert listed(changeable) == (20.5, [0], ["d2"])
    page = changeable.get("/metrics").text
    assert "\notmv_memory_budget_bytes 2.05e+07\n" in page
    assert '\notmv_resident_bytes{kind="keys"} 1e+07\n' in page
    answer = put(changeable, None)
    assert (answer.status_code, answer.json()["memory_budget_mb"]) == (200, None)
    assert answer.json()["resident_variants"] == {"vqa": ["full", "d2"]}
    assert listed(changeable) == (None, [0, 1], ["full", "d2"])


def test_a_budget_that_holds_no_variant_names_the_smallest_that_does(
    changeable: TestClient,
) -> None:
    answer = put(changeable, 14.9999)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:otmv:problem:memory-budget-too-small"
    assert problem["smallest_memory_budget_mb"] == 15.0
    assert "15.000 MB" in problem["detail"]
    assert listed(changeable) == (None, [0, 1], ["full", "d2"])
    assert put(changeable, problem["smallest_memory_budget_mb"]).status_code == 200
    assert listed(changeable) == (15.0, [0], ["d2"])


def test_a_key_block_that_cannot_be_loaded_is_reported_and_the_budget_holds(
    changeable: TestClient, memory: FakeMemory
) -> None:
    put(changeable, 15)
    memory.error = LoadFailed("block[1]", "no memory on /dev/secret", "free some")
    answer = put(changeable, None)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:otmv:problem:load-failed")
    assert "secret" not in answer.text
    assert listed(changeable) == (None, [0], ["d2"])


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 422),
        (b"{}", "application/json", 422),
        (b'{"memory_budget_mb": 0}', "application/json", 422),
        (b'{"memory_budget_mb": -1}', "application/json", 422),
        (b'{"memory_budget_mb": 1e8}', "application/json", 422),
        (b'{"memory_budget_mb": "20"}', "application/json", 422),
        (b'{"memory_budget_mb": true}', "application/json", 422),
        (b'{"memory_budget_mb": NaN}', "application/json", 422),
        (b'{"memory_budget_mb": 20, "keys": 1}', "application/json", 422),
        (b"memory_budget_mb=20", "application/x-www-form-urlencoded", 415),
        (b"memory_budget_mb=20", "multipart/form-data; boundary=x", 415),
    ],
)
def test_a_wrong_body_changes_nothing(
    changeable: TestClient, memory: FakeMemory, body: bytes, content_type: str, status: int
) -> None:
    answer = changeable.put(BUDGET, content=body, headers={"content-type": content_type})
    assert answer.status_code == status
    assert not memory.begun.is_set()
    assert put(changeable, 20).status_code == 200


def test_a_query_is_refused(changeable: TestClient) -> None:
    answer = changeable.put(f"{BUDGET}?memory_budget_mb=20", json={"memory_budget_mb": 20})
    assert answer.status_code == 422


def test_it_is_fixed_unless_allowed(client: TestClient, pool: FakePool) -> None:
    answer = put(client, 20)
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:otmv:problem:memory-budget-fixed"
    assert "OTMV_RELOAD=true" in answer.json()["detail"]
    assert not pool.memory.begun.is_set()


@pytest.mark.parametrize(("operator", "status"), [(True, 200), (False, 403)])
def test_with_api_keys_it_takes_an_operators(operator: bool, status: int) -> None:
    keys = {"alice": {"sha256": sha256_of("otmv-alice"), "operator": operator}}
    headers = {"authorization": "Bearer otmv-alice"}
    with ready_client(reload=True, keys=keys) as client:
        answer = client.put(BUDGET, json={"memory_budget_mb": None}, headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["type"] == "urn:otmv:problem:not-operator"


def test_a_server_that_drains_changes_nothing() -> None:
    pool = FakePool()

    async def scenario() -> Exchange:
        app = make_app(pool, reload=True)
        async with running(app):
            await app.state.serving.drain()
            exchange = Exchange(BUDGET, dict(JSON_TYPE), "PUT")
            exchange.body(b'{"memory_budget_mb": 20}')
            await asyncio.wait_for(exchange.run(app), 5)
            return exchange

    assert asyncio.run(scenario()).status == 503
    assert not pool.memory.begun.is_set()
