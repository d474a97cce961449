"""A small client for Prometheus' HTTP API: instant queries, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx

from loadtests.bench.setup import BenchError

_TIMEOUT_S = 30.0


class PrometheusError(BenchError):
    """Prometheus could not be asked."""


class Unreachable(PrometheusError):
    """Nothing answers there."""

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(
            f"cannot reach Prometheus at {url} ({problem}): start it, or give its address"
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
class Sample:
    """A labelled value."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Series:
    """A labelled counter as it was scraped: (Unix seconds, value), oldest first."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


class Prometheus:
    """Asks one Prometheus. Close it, or use it as a context."""

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
        found = self._ask(query, at_s, "vector")
        try:
            return [Sample(each["metric"], float(each["value"][1])) for each in found]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise BadAnswer(self.url, f"a sample is not as it should be ({error!r})") from error

    def scraped(self, query: str, at_s: float | None = None) -> list[Series]:
        """Return the samples that a range selector finds, as they were scraped.

        Raises:
            PrometheusError: it cannot be asked.
        """
        found = self._ask(query, at_s, "matrix")
        try:
            return [
                Series(each["metric"], tuple((float(t), float(v)) for t, v in each["values"]))
                for each in found
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise BadAnswer(self.url, f"a series is not as it should be ({error!r})") from error

    def _ask(self, query: str, at_s: float | None, kind: str) -> list[Any]:
        form = {"query": query} | ({} if at_s is None else {"time": f"{at_s:.3f}"})
        try:
            answer = self._client.post(f"{self.url}/api/v1/query", data=form)
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
