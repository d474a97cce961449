"""The one client of Prometheus' HTTP API, and errors that say what to do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx

_TIMEOUT_S = 60.0


class PrometheusError(Exception):
    """Prometheus could not be asked, or has nothing to say."""


class Unreachable(PrometheusError):
    """Nothing answers at the address."""

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(
            f"cannot reach Prometheus at {url} ({problem}): start Prometheus, or give its address"
        )


class QueryRefused(PrometheusError):
    """It answers, and says no."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(f"Prometheus refused the query with {status}: {problem}")


class BadAnswer(PrometheusError):
    """What answers is not Prometheus, or not as its API says."""

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(f"{url} does not answer like Prometheus: {problem}")


class NoData(PrometheusError):
    """It has no samples for what is asked."""

    def __init__(self, metric: str, where: str, fix: str) -> None:
        super().__init__(f"Prometheus has no data of {metric} {where}: {fix}")


@dataclass(frozen=True)
class TimeSpan:
    """A stretch of time: Unix seconds, and the step between points."""

    start_s: float
    end_s: float
    step_s: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end_s - self.start_s


Points = tuple[tuple[float, float], ...]
"""(Unix seconds, value), the oldest first; every value is finite."""


@dataclass(frozen=True)
class Sample:
    """A labelled value; it is finite."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class MetricSeries:
    """A labelled course of values."""

    labels: Mapping[str, str]
    points: Points


class Prometheus:
    """Asks one Prometheus. Close it, or use it as a context.

    NaN and infinities are what a ratio without traffic gives; they are left out of every answer.
    """

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self._client = httpx.Client(timeout=_TIMEOUT_S, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def values(self, query: str, at_s: float | None = None) -> list[Sample]:
        """Return what a query gives at a moment (Unix seconds; None: now), one value per series.

        Raises:
            PrometheusError: it cannot be asked.
        """
        found = self._ask("query", _at(query, at_s), "vector")
        try:
            samples = [Sample(each["metric"], float(each["value"][1])) for each in found]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise BadAnswer(self.url, f"a sample is not as it should be ({error!r})") from error
        return [sample for sample in samples if math.isfinite(sample.value)]

    def range(self, query: str, span: TimeSpan) -> list[MetricSeries]:
        """Return what a query gives over a span, a point each step.

        Raises:
            PrometheusError: it cannot be asked.
        """
        times = {"start": str(span.start_s), "end": str(span.end_s), "step": str(span.step_s)}
        return self._courses(self._ask("query_range", {"query": query, **times}, "matrix"))

    def scraped(self, selector: str, at_s: float | None = None) -> list[MetricSeries]:
        """Return the samples that a range selector finds, as they were scraped.

        Raises:
            PrometheusError: it cannot be asked.
        """
        return self._courses(self._ask("query", _at(selector, at_s), "matrix"))

    def _courses(self, found: list[Any]) -> list[MetricSeries]:
        try:
            return [MetricSeries(each["metric"], _points(each["values"])) for each in found]
        except (KeyError, TypeError, ValueError) as error:
            raise BadAnswer(self.url, f"a series is not as it should be ({error!r})") from error

    def _ask(self, route: str, form: dict[str, str], kind: str) -> list[Any]:
        """Return the result of a query; `kind` is the type it must have."""
        try:
            answer = self._client.post(f"{self.url}/api/v1/{route}", data=form)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(self.url, str(error) or type(error).__name__) from error
        body = self._body(answer)
        data = body.get("data")
        if answer.status_code != httpx.codes.OK or body.get("status") != "success":
            raise QueryRefused(answer.status_code, str(body.get("error", "no reason given")))
        if not isinstance(data, dict) or data.get("resultType") != kind:
            raise BadAnswer(self.url, f"the result is no {kind}")
        found = data.get("result")
        if not isinstance(found, list):
            raise BadAnswer(self.url, "there is no result")
        return found

    def _body(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            body = answer.json()
        except ValueError as error:
            problem = f"status {answer.status_code}, not JSON"
            raise BadAnswer(self.url, problem) from error
        if not isinstance(body, dict):
            raise BadAnswer(self.url, f"status {answer.status_code}, no JSON object")
        return body


def _at(query: str, at_s: float | None) -> dict[str, str]:
    return {"query": query} | ({} if at_s is None else {"time": f"{at_s:.3f}"})


def _points(values: Iterable[tuple[float, str]]) -> Points:
    read = ((float(time_s), float(value)) for time_s, value in values)
    return tuple((time_s, value) for time_s, value in read if math.isfinite(value))
