"""Spans: made from the measured times, in the caller's trace, and sent by real OTLP."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from engine.types import Answer
from server.answering.work import WorkResult
from server.observing.otel import OtelTracing
from server.observing.request_record import RequestRecord
from server.observing.trace_context import TraceContext
from tests.server.kit.fake_artifact import fake_artifact
from tests.server.kit.ready_client import ManualClock

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
EPOCH_NS = 1_700_000_000_000_000_000


class Collected:
    """Spans that a tracing made, kept in memory."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def spans_named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.spans_named(name)
        return span


def answer(variant: str, **phases_s: float) -> Answer:
    return Answer(
        task="vqa",
        variant=variant,
        executed=(0, 1),
        bits="11",
        executed_blocks=2,
        quality=0.5,
        predicted_s=0.25,
        deadline_met=True,
        phases_s=phases_s,
    )


def recorded(
    record: RequestRecord, status: int = 200, ended_s: float = 10.5
) -> tuple[Collected, str]:
    """Record a request that ended on a clock that says 11 s at EPOCH_NS."""
    collected, clock = Collected(), ManualClock()
    clock.at_s = 11.0
    tracing = OtelTracing(collected.provider, clock, lambda: EPOCH_NS)
    return collected, tracing.add_request(record, "POST", "/v1/vqa", status, ended_s)


def between(span: ReadableSpan) -> tuple[float, float]:
    """Return a span's begin and end on the request's clock."""
    assert span.start_time is not None
    assert span.end_time is not None
    return tuple(round(11 + (ns - EPOCH_NS) / 1e9, 6) for ns in (span.start_time, span.end_time))  # type: ignore[return-value]


def answered() -> RequestRecord:
    first = answer("full", queue=0.03, stem=0.01, blocks=0.05, head=0.01)
    second = answer("d2", queue=0.02, stem=0.01, blocks=0.02, head=0.01)
    result = WorkResult(10.1, 10.2, 0.06, 0.02, [first, second], [0.3, 0.26], fake_artifact())
    return RequestRecord("abc", 10.0, None, "alice", "vqa", "degrade", ("q?",), result)


def test_every_phase_is_a_span_where_it_was_measured() -> None:
    collected, trace_id = recorded(answered())
    assert between(collected.one("POST /v1/vqa")) == (10.0, 10.5)
    assert between(collected.one("intake")) == (10.0, 10.1)
    assert between(collected.one("decode")) == (10.1, 10.2)
    first, second = collected.spans_named("answer")
    assert between(first) == (10.2, 10.3)
    assert between(second) == (10.2, 10.26)
    assert [between(span) for span in collected.spans_named("queue")] == [
        (10.2, 10.23),
        (10.2, 10.22),
    ]
    assert [between(span)[0] for span in collected.spans_named("head")] == [10.29, 10.25]
    assert between(collected.one("reply")) == (10.3, 10.5)
    spans = collected.exporter.get_finished_spans()
    assert {f"{span.context.trace_id:032x}" for span in spans if span.context} == {trace_id}


def test_spans_hang_together_and_tell_the_variant() -> None:
    collected, _ = recorded(answered())
    root = collected.one("POST /v1/vqa")
    assert root.parent is None
    assert root.kind is SpanKind.SERVER
    assert dict(root.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/v1/vqa",
        "http.response.status_code": 200,
        "otmv.request_id": "abc",
        "otmv.api_key": "alice",
        "otmv.task": "vqa",
        "otmv.on_miss": "degrade",
    }
    for name in ("intake", "decode", "answer", "reply"):
        assert {s.parent.span_id for s in collected.spans_named(name) if s.parent} == {
            root.context.span_id
        }
    first, second = collected.spans_named("answer")
    assert {s.parent.span_id for s in collected.spans_named("blocks") if s.parent} == {
        first.context.span_id,
        second.context.span_id,
    }
    assert (second.attributes or {})["otmv.variant"] == "d2"
    assert (second.attributes or {})["otmv.predicted_ms"] == 250.0


def test_a_callers_trace_is_continued_with_its_state() -> None:
    record = answered()
    record.trace = TraceContext(TRACE, PARENT, True, "vendor=x")
    collected, trace_id = recorded(record)
    root = collected.one("POST /v1/vqa")
    assert trace_id == TRACE
    assert root.parent is not None
    assert f"{root.parent.span_id:016x}" == PARENT
    assert root.parent.is_remote
    assert root.context is not None
    assert root.context.trace_state.to_header() == "vendor=x"


@pytest.mark.parametrize("state", ["=", "a=1,,=,b", "a=\x80", "a=1," * 100, "A B=c"])
def test_a_malformed_state_harms_nothing(state: str) -> None:
    record = answered()
    record.trace = TraceContext(TRACE, PARENT, True, state)
    collected, trace_id = recorded(record)
    assert trace_id == TRACE
    assert len(collected.spans_named("POST /v1/vqa")) == 1


def test_what_its_caller_does_not_sample_is_not_recorded() -> None:
    record = answered()
    record.trace = TraceContext(TRACE, PARENT, False)
    collected, trace_id = recorded(record)
    assert trace_id == TRACE
    assert not collected.exporter.get_finished_spans()


@pytest.mark.parametrize(("status", "failed"), [(429, False), (499, False), (500, True)])
def test_a_refusal_is_one_span_and_the_servers_own_fault_an_error(
    status: int, failed: bool
) -> None:
    record = RequestRecord("abc", 10.0, problem="some-problem")
    collected, _ = recorded(record, status)
    (root,) = collected.exporter.get_finished_spans()
    assert (root.status.status_code is StatusCode.ERROR) is failed
    assert ("error.type" in (root.attributes or {})) is failed
    assert (root.attributes or {})["otmv.problem"] == "some-problem"
