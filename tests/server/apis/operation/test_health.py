"""The metrics are the engine's, the process's, and of every response."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families
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


def test_metrics_are_openmetrics_where_that_is_asked_for(client: TestClient) -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    page = client.get("/metrics", headers={"accept": accept})
    assert page.headers["content-type"].startswith("application/openmetrics-text")
    assert page.text.endswith("# EOF\n")
    families = {family.name for family in openmetrics_families(page.text)}
    assert {"process_resident_memory_bytes", "otmv_marginal_points_per_second"} <= families


def test_promtool_finds_no_fault_in_the_metrics(client: TestClient) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("the program `promtool` is not installed (Debian: package prometheus)")
    ask_question(client)
    page = client.get("/metrics").content
    done = subprocess.run(
        [program, "check", "metrics"], input=page, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_every_response_is_counted(client: TestClient) -> None:
    for path in ("/healthz", "/healthz", "/nothing", "/v1/vqa"):
        client.get(path)
    client.post("/v1/vqa", content=b"{", headers={"content-type": "application/json"})
    counted = {
        (sample.labels["status"], sample.labels["problem"]): sample.value
        for metric in text_string_to_metric_families(client.get("/metrics").text)
        for sample in metric.samples
        if sample.name == "otmv_http_responses_total"
    }
    assert counted == {
        ("200", "none"): 2,
        ("404", "not-found"): 1,
        ("405", "method-not-allowed"): 1,
        ("422", "malformed-body"): 1,
    }
