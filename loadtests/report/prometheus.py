"""A client of Prometheus' HTTP API: range and instant queries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx

_TIMEOUT_S = 60.0


class PrometheusError(Exception):
    """Prometheus cannot be asked, or refuses a query."""


@dataclass(frozen=True)
class Span:
    """A stretch of time: Unix seconds, and the step between points."""

    start_s: float
    end_s: float
    step_s: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Line:
    """One series: its labels and its (Unix seconds, value) points; all values are finite."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


class Prometheus:
    """One server. Every method raises `PrometheusError`."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self._client = httpx.Client(timeout=_TIMEOUT_S, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def range(self, query: str, span: Span) -> list[Line]:
        """Return a query's series over a span."""
        times = {"start": span.start_s, "end": span.end_s, "step": span.step_s}
        return self._ask("query_range", {"query": query, **times}, "values")

    def instant(self, query: str, time_s: float) -> list[Line]:
        """Return a query's series at one moment; each has one point."""
        return self._ask("query", {"query": query, "time": time_s}, "value")

    def _ask(self, route: str, fields: Mapping[str, Any], values: str) -> list[Line]:
        try:
            response = self._client.post(f"{self.url}/api/v1/{route}", data=fields)
            body = response.json()
            if body["status"] != "success":
                raise PrometheusError(f"{self.url} refuses {fields['query']}: {body['error']}")
            found = body["data"]["result"]
            points = [[entry[values]] if values == "value" else entry[values] for entry in found]
            return [
                Line(entry["metric"], _finite(each))
                for entry, each in zip(found, points, strict=True)
            ]
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PrometheusError(
                f"no answer from {self.url}: {error} (start Prometheus, or give its address)"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise PrometheusError(
                f"{self.url} is no Prometheus server (give the address of one)"
            ) from error


def _finite(points: list[tuple[float, str]]) -> tuple[tuple[float, float], ...]:
    """Read points; NaN and infinities are what a ratio without traffic gives, and are left out."""
    read = ((float(time_s), float(value)) for time_s, value in points)
    return tuple((time_s, value) for time_s, value in read if math.isfinite(value))
