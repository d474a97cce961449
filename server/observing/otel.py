"""OpenTelemetry spans, made after the fact: a request that runs is not slowed by them.

Loaded only when tracing is on. The phases in the engine were measured as sums (a row waits between
steps, and shares them): their spans lie one after another inside the answer's, so their lengths are
true and their places are not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.util.types import AttributeValue

from engine.clock import Clock
from engine.types import Answer
from server.answering.work import ENGINE_PHASES, WorkResult
from server.observing.request_record import RequestRecord
from server.observing.trace_context import TraceContext

SERVICE = "otmv-serve"
_TRACES_PATH = "/v1/traces"
_CLOSING_S = 3.0


def otlp_provider(endpoint: str | None, version: str) -> TracerProvider:
    """Return a provider that sends spans by OTLP over HTTP, in a thread of its own.

    `endpoint`: of the collector, without the path; None: the standard OTEL_* variables say it. They
    also say the sampler, headers, and more attributes of the service.
    """
    ours = Resource.create({"service.name": SERVICE, "service.version": version})
    resource = ours.merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    if endpoint is not None:
        endpoint = endpoint.rstrip("/").removesuffix(_TRACES_PATH) + _TRACES_PATH
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return provider


class OtelTracing:
    """`server.observing.tracing.Tracing` on a provider.

    `wall_ns` is the time of day, ns since 1970, by which spans are placed; `clock` the one on which
    requests are measured.
    """

    def __init__(
        self, provider: TracerProvider, clock: Clock, wall_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(SERVICE)
        self._clock = clock
        self._wall_ns = wall_ns

    def add_request(
        self, record: RequestRecord, method: str, route: str | None, status: int, ended_s: float
    ) -> str:
        """Make a request's spans; return its trace id, 32 hexadecimal digits."""
        zero_ns = self._wall_ns() - round(self._clock.now_s() * 1e9)
        root = self._tracer.start_span(
            f"{method} {route}" if route else method,
            context=_parent(record.trace),
            kind=trace.SpanKind.SERVER,
            attributes=_of_request(record, method, route, status),
            start_time=zero_ns + round(record.arrived_s * 1e9),
        )
        if root.is_recording():
            if status >= 500:
                root.set_status(trace.StatusCode.ERROR)
            if record.result is not None:
                _Phases(self._tracer, zero_ns).add(root, record, record.result, ended_s)
        root.end(zero_ns + round(ended_s * 1e9))
        return trace.format_trace_id(root.get_span_context().trace_id)

    def close(self) -> None:
        """Send what is left, for a few seconds at most; blocking."""
        closing = threading.Thread(target=self._provider.shutdown, name="close-otel", daemon=True)
        closing.start()
        closing.join(_CLOSING_S)  # a collector that does not answer holds up no shutdown


class _Phases:
    """Adds the spans inside a request's; `zero_ns` is when the server's clock said 0."""

    def __init__(self, tracer: trace.Tracer, zero_ns: int) -> None:
        self._tracer = tracer
        self._zero_ns = zero_ns

    def add(
        self, root: trace.Span, record: RequestRecord, result: WorkResult, ended_s: float
    ) -> None:
        """Add the spans of a request that was answered."""
        inside = trace.set_span_in_context(root)
        self._span("intake", record.arrived_s, result.began_s, inside)
        decoding = {
            "otmv.decode_ms": result.decode_s * 1e3,
            "otmv.preprocess_ms": result.preprocess_s * 1e3,
        }
        self._span("decode", result.began_s, result.submitted_s, inside, decoding)
        for answer, total_s in zip(result.answers, result.total_s, strict=True):
            done_s = record.arrived_s + total_s
            context = self._span("answer", result.submitted_s, done_s, inside, _of_answer(answer))
            at_s = result.submitted_s
            for phase in ENGINE_PHASES:
                took_s = answer.phases_s.get(phase, 0.0)
                self._span(phase, at_s, at_s + took_s, context)
                at_s += took_s
        answered_s = record.arrived_s + max(result.total_s)
        self._span("reply", answered_s, max(answered_s, ended_s), inside)

    def _span(
        self,
        name: str,
        from_s: float,
        to_s: float,
        context: Context,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> Context:
        """Add a span, and return the context for spans inside it."""
        span = self._tracer.start_span(
            name,
            context=context,
            attributes=attributes,
            start_time=self._zero_ns + round(from_s * 1e9),
        )
        span.end(self._zero_ns + round(to_s * 1e9))
        return trace.set_span_in_context(span)


def _parent(given: TraceContext | None) -> Context:
    """Return the caller's context, an empty one without; never that of the running thread."""
    if given is None:
        return Context()
    state = trace.TraceState.from_header([given.state]) if given.state else None
    caller = trace.SpanContext(
        trace_id=int(given.trace_id, 16),
        span_id=int(given.parent_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(int(given.sampled)),
        trace_state=state,
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(caller), Context())


def _of_request(
    record: RequestRecord, method: str, route: str | None, status: int
) -> dict[str, AttributeValue]:
    said: dict[str, AttributeValue | None] = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        "error.type": record.problem if status >= 500 else None,
        "otmv.request_id": record.request_id,
        "otmv.problem": record.problem,
        "otmv.api_key": record.api_key,
        "otmv.task": record.task,
        "otmv.on_miss": record.on_miss,
    }
    return {name: value for name, value in said.items() if value is not None}


def _of_answer(answer: Answer) -> dict[str, AttributeValue]:
    said: dict[str, AttributeValue | None] = {
        "otmv.variant": answer.variant,
        "otmv.executed_blocks": answer.executed_blocks,
        "otmv.quality": answer.quality,
        "otmv.degraded": answer.degraded,
        "otmv.deadline_met": answer.deadline_met,
        "otmv.predicted_ms": answer.predicted_s * 1e3,
    }
    return {name: value for name, value in said.items() if value is not None}
