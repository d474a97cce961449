"""Spans of requests, by OpenTelemetry if that is installed and wanted; nothing otherwise."""

from __future__ import annotations

from typing import Protocol

from artifact.errors import how_to_install
from engine.clock import Clock
from server.configuration.settings import Settings
from server.observing.request_record import RequestRecord


class TracingUnavailable(Exception):
    """Tracing is on, but OpenTelemetry is not installed."""

    def __init__(self) -> None:
        super().__init__(
            f"tracing needs OpenTelemetry ({how_to_install('otel')}, or set tracing to false)"
        )


class Tracing(Protocol):
    """Takes each request once it has ended."""

    def add_request(
        self, record: RequestRecord, method: str, route: str | None, status: int, ended_s: float
    ) -> str:
        """Make a request's spans from its measured times; return its trace id.

        `route` is None for a path that does not exist. `ended_s` is on the server's clock, the
        trace id 32 hexadecimal digits.
        """
        ...

    def close(self) -> None:
        """Send what is left, for a few seconds at most; blocking."""
        ...


def open_tracing(settings: Settings, version: str, clock: Clock) -> Tracing | None:
    """Return what `tracing` asks for, None if it is off.

    Raises:
        TracingUnavailable: OpenTelemetry is not installed.
    """
    if not settings.tracing:
        return None
    try:
        from server.observing.otel import OtelTracing, otlp_provider
    except ImportError as error:
        raise TracingUnavailable from error
    return OtelTracing(otlp_provider(settings.otel_endpoint, version), clock)
