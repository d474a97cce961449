"""The metrics are the engine's."""

from __future__ import annotations

import base64
from typing import Any

from starlette.testclient import TestClient

from engine.telemetry import Telemetry
from tests.server.kit import sample_pictures

IMAGE = base64.b64encode(sample_pictures.jpeg()).decode()


def ask(client: TestClient, **document: Any) -> dict[str, Any]:
    body = {"image": IMAGE, "question": "what color?", **document}
    response = client.post("/v1/vqa", json={k: v for k, v in body.items() if v is not None})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_metrics_are_the_engines(client: TestClient, telemetry: Telemetry) -> None:
    telemetry.ended("vqa", "full", "ok")
    ask(client)
    page = client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    line = 'otmv_requests_total{outcome="ok",task="vqa",variant="full"} 1.0'
    assert line in page.text
    assert 'otmv_phase_seconds_count{phase="decode"} 1.0' in page.text
