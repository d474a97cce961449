"""A real engine of two key blocks, in this process: its memory budget moves while it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.config import EngineConfig
from engine.pool import EnginePool
from engine.telemetry import Telemetry
from server.app import create_app
from server.configuration.settings import Settings
from server.engine_pool import Progress
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.server.conftest import wait_ready
from tests.server.kit.good_question import FILE

BUDGET = "/v1/memory-budget"
ASKED = {"question": "what colour"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    artifact, telemetry = write_tiny(tmp_path / "tiny"), Telemetry()
    config = EngineConfig(threads=1, max_batch=2, cache_dir=tmp_path / "cache")

    def open_pool(progress: Progress) -> EnginePool:
        return EnginePool.open(artifact, config, telemetry, on_progress=progress)

    settings = Settings(artifact=artifact.root, reload=True, access_log=False)
    app = create_app(settings, open_pool, telemetry)
    with TestClient(app, raise_server_exceptions=False) as opened:
        wait_ready(opened)
        yield opened


def put(client: TestClient, budget_mb: float | None) -> dict[str, Any]:
    answer = client.put(BUDGET, json={"memory_budget_mb": budget_mb})
    assert answer.status_code == 200, answer.text
    loaded: dict[str, Any] = answer.json()
    return loaded


def one_key_mb(client: TestClient) -> float:
    """Return the bytes of what all variants share and of the first key block, 10^6."""
    shared = gauge(client, "otmv_resident_bytes", kind="shared")
    return (shared + gauge(client, "otmv_key_block_bytes", key="0")) / 1e6


def ask(client: TestClient, **budget: str) -> Any:
    return client.post("/v1/vqa", files=FILE, data=ASKED | budget)


def resident(client: TestClient) -> list[str]:
    body = client.get("/v1/variants", params={"task": "vqa"}).json()
    return [entry["variant"] for entry in body["variants"] if entry["resident"]]


def gauge(client: TestClient, name: str, **labels: str) -> float:
    registry = client.app.state.serving.telemetry.registry  # type: ignore[attr-defined]
    value: float = registry.get_sample_value(name, labels)
    return value


def test_variants_go_and_come_back(client: TestClient) -> None:
    assert resident(client) == ["full", "d3", "d2", "d1"]
    smallest = one_key_mb(client)
    refused = client.put(BUDGET, json={"memory_budget_mb": 0.001})
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:otmv:problem:memory-budget-too-small"
    assert 0 <= refused.json()["smallest_memory_budget_mb"] - smallest <= 0.0011
    assert resident(client) == ["full", "d3", "d2", "d1"]
    for _ in range(2):
        loaded = put(client, smallest)
        assert (loaded["memory_budget_mb"], loaded["resident_keys"]) == (smallest, [0])
        assert loaded["resident_variants"]["vqa"] == resident(client) == ["d2", "d1"]
        assert client.get("/v1/variants").json()["memory_budget_mb"] == smallest
        assert gauge(client, "otmv_memory_budget_bytes") == round(smallest * 1e6)
        refused = ask(client, variant="full")
        assert refused.status_code == 422
        assert refused.json()["type"] == "urn:otmv:problem:no-variant-fits"
        answer = ask(client)
        assert (answer.status_code, answer.json()["answers"][0]["variant"]) == (200, "d2")
        loaded = put(client, None)
        assert (loaded["memory_budget_mb"], loaded["resident_keys"]) == (None, [0, 1])
        assert resident(client) == ["full", "d3", "d2", "d1"]
        assert gauge(client, "otmv_key_block_bytes", key="1") > 0
        assert ask(client, variant="full").status_code == 200


def test_requests_that_run_meanwhile_are_answered(client: TestClient) -> None:
    smallest = one_key_mb(client)
    with ThreadPoolExecutor(4) as many:
        asked = [many.submit(ask, client) for _ in range(40)]
        for _ in range(3):
            put(client, smallest)
            put(client, None)
        answers = [each.result(60) for each in asked]
    assert {answer.status_code for answer in answers} == {200}
    variants = {answer.json()["answers"][0]["variant"] for answer in answers}
    assert variants <= {"full", "d3", "d2", "d1"}


def test_a_reload_keeps_the_budget_that_was_set(client: TestClient) -> None:
    budget_mb = round(10 * one_key_mb(client), 3)  # what a reload measures may differ a little
    put(client, budget_mb)
    reloaded = client.post("/v1/artifacts/reload")
    assert reloaded.status_code == 200, reloaded.text
    assert client.get("/v1/variants").json()["memory_budget_mb"] == budget_mb
    assert gauge(client, "otmv_memory_budget_bytes") == round(budget_mb * 1e6)
