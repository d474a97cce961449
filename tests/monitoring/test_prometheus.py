from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from loadtests.kit.processes.ports import free_port
from monitoring.prometheus import (
    BadAnswer,
    Prometheus,
    PrometheusError,
    QueryRefused,
    TimeSpan,
    Unreachable,
)
from tests.monitoring.fake_prometheus import START_S

SPAN = TimeSpan(START_S, START_S + 600, 60)


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> Prometheus:
    return Prometheus("http://prometheus/", httpx.MockTransport(answer))


def test_queries_are_posted_with_their_moment() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        found = [{"metric": {"variant": "full"}, "value": [1.5, "2.5"]}]
        data = {"resultType": "vector", "result": found}
        return httpx.Response(200, json={"status": "success", "data": data})

    (sample,) = answering(answer).values("up", 12.3456)
    assert (sample.labels, sample.value) == ({"variant": "full"}, 2.5)
    assert str(asked[0].url) == "http://prometheus/api/v1/query"
    assert dict(httpx.QueryParams(asked[0].content.decode())) == {"query": "up", "time": "12.346"}


def test_nothing_there_is_one_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with Prometheus(url) as prometheus, pytest.raises(Unreachable) as raised:
        prometheus.values("up")
    assert f"cannot reach Prometheus at {url}" in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("response", "error", "said"),
    [
        (
            httpx.Response(400, json={"status": "error", "error": "parse error"}),
            QueryRefused,
            "refused the query with 400: parse error",
        ),
        (httpx.Response(404, text="<html>"), BadAnswer, "status 404, not JSON"),
        (httpx.Response(200, json=[1]), BadAnswer, "no JSON object"),
        (httpx.Response(200, json={"status": "success"}), BadAnswer, "the result is no vector"),
        (
            httpx.Response(
                200, json={"status": "success", "data": {"resultType": "vector", "result": [1]}}
            ),
            BadAnswer,
            "a sample is not as it should be",
        ),
    ],
)
def test_what_is_not_as_the_api_says_is_reported(
    response: httpx.Response, error: type[PrometheusError], said: str
) -> None:
    with pytest.raises(error, match=said):
        answering(lambda request: response).values("up")


def reply(status: int, **body: object) -> httpx.MockTransport:
    return httpx.MockTransport(lambda request: httpx.Response(status, **body))  # type: ignore[arg-type]


def refused(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            reply(400, json={"status": "error", "error": "parse error"}),
            "refused the query with 400: parse error",
        ),
        (reply(200, text="<html>"), "does not answer like Prometheus: status 200, not JSON"),
        (reply(200, json=["a list"]), "does not answer like Prometheus: status 200, no JSON"),
        (
            httpx.MockTransport(refused),
            r"cannot reach Prometheus at http://prom \(connection refused\): start Prometheus",
        ),
    ],
)
def test_whatever_answers_is_one_error(given: httpx.MockTransport, problem: str) -> None:
    with Prometheus("http://prom", given) as prometheus:
        with pytest.raises(PrometheusError, match=problem):
            prometheus.values("up", 0.0)
        with pytest.raises(PrometheusError, match=problem):
            prometheus.range("up", SPAN)
