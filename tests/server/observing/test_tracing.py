"""Spans of served requests, at a real collector; and tracing that is off."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import StatusCode

from engine.clock import SystemClock
from engine.errors import InferenceFailed, QueueFull
from server.access.keys import sha256_of
from server.configuration.settings import Settings
from server.observing.tracing import TracingUnavailable, open_tracing
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.good_question import FILE
from tests.server.kit.ready_client import ready_client

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector(HTTPServer):
    """Receives OTLP over HTTP, as a collector does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receive)
        self.paths: list[str] = []
        self.received: list[ExportTraceServiceRequest] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.received
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Receive(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        assert self.headers["content-type"] == "application/x-protobuf"
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.paths.append(self.path)
        self.server.received.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield collector
    finally:
        collector.shutdown()
        thread.join(10)
        collector.server_close()


@pytest.mark.parametrize("by_setting", [True, False])
def test_a_served_request_arrives_at_a_real_collector(
    monkeypatch: pytest.MonkeyPatch, by_setting: bool
) -> None:
    with collecting() as collector:
        endpoint = collector.url + "/" if by_setting else None
        if not by_setting:
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
            monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
        keys = {"alice": {"sha256": sha256_of("k")}}
        with ready_client(tracing=True, otel_endpoint=endpoint, keys=keys) as client:
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "Authorization": "Bearer k"}
            client.post("/v1/vqa", files=FILE, data={"question": "q?"}, headers=headers)
            client.get("/healthz")
        assert set(collector.paths) == {"/v1/traces"}
        spans = {span.name: span for span in collector.spans()}
    assert set(spans) == {
        *("POST /v1/vqa", "intake", "decode", "answer", "queue", "stem", "blocks", "head", "reply")
    }
    root = spans["POST /v1/vqa"]
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (TRACE, PARENT)
    assert {span.trace_id.hex() for span in spans.values()} == {TRACE}
    blocks = spans["blocks"]
    assert blocks.end_time_unix_nano - blocks.start_time_unix_nano == pytest.approx(3e6, abs=2)
    text = str(collector.received[0])
    assert ("otmv-serve" if by_setting else "mine") in text
    assert "q?" not in text


def test_what_fails_is_sent_as_an_error_and_a_refusal_is_not() -> None:
    with collecting() as collector:
        for error in (InferenceFailed("head", "NaN"), QueueFull(1, 1.0)):
            pool = FakePool(answer_error=error)
            if isinstance(error, QueueFull):
                pool = FakePool(admit_error=error)
            with ready_client(pool, tracing=True, otel_endpoint=collector.url) as client:
                client.post("/v1/vqa", files=FILE, data={"question": "q?"})
        statuses = [span.status.code for span in collector.spans()]
    assert statuses == [StatusCode.ERROR.value, StatusCode.UNSET.value]


def test_paths_that_do_not_exist_share_one_name() -> None:
    with collecting() as collector:
        with ready_client(tracing=True, otel_endpoint=collector.url) as client:
            for path in ("/v1/x", "/v1/y/z", "/v1/%20"):
                client.get(path)
        assert {span.name for span in collector.spans()} == {"GET"}


def test_a_collector_that_is_not_there_harms_no_request() -> None:
    with collecting() as collector:
        gone = collector.url
    with ready_client(tracing=True, otel_endpoint=gone) as client:
        response = client.post("/v1/vqa", files=FILE, data={"question": "q?"})
    assert response.status_code == 200


def test_tracing_is_off_by_default_and_imports_nothing() -> None:
    settings = Settings(artifact="a")  # type: ignore[arg-type]
    assert open_tracing(settings, "0", SystemClock()) is None


def test_a_missing_extra_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry.sdk")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "server.observing.otel")
    settings = Settings(artifact="a", tracing=True)  # type: ignore[arg-type]
    with pytest.raises(TracingUnavailable, match=r"pip install .*\[otel\]'"):
        open_tracing(settings, "0", SystemClock())
