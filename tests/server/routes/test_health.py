"""The metrics are the engine's."""

from __future__ import annotations

from starlette.testclient import TestClient

from engine.telemetry import Telemetry
from tests.server.kit.good_question import ask_question


def test_metrics_are_the_engines(client: TestClient, telemetry: Telemetry) -> None:
    telemetry.ended("vqa", "full", "ok")
    ask_question(client)
    page = client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    line = 'otmv_requests_total{outcome="ok",task="vqa",variant="full"} 1.0'
    assert line in page.text
    assert 'otmv_phase_seconds_count{phase="decode"} 1.0' in page.text
