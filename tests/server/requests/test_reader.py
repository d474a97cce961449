"""Bad input over HTTP: a clear 4xx every time, never a 5xx, and the server answers after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.telemetry import Telemetry
from server.app import create_app
from server.configuration.settings import Settings
from tests.server.conftest import wait_ready
from tests.server.kit.bad_requests import BadRequest, corpus, good_request
from tests.server.kit.fake_pool import FakePool

CORPUS = corpus()


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[TestClient, FakePool]]:
    pool = FakePool()
    settings = Settings(artifact=Path("/nowhere"), access_log=False)
    app = create_app(settings, lambda progress: pool, Telemetry())
    with TestClient(app, raise_server_exceptions=False) as client:
        wait_ready(client)
        yield client, pool


def test_corpus_is_large_and_the_same_every_time() -> None:
    assert len(CORPUS) >= 200
    assert [case.body for case in CORPUS] == [case.body for case in corpus()]


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name[:60])
@pytest.mark.filterwarnings("ignore::Warning:PIL")
def test_bad_request_is_refused(served: tuple[TestClient, FakePool], case: BadRequest) -> None:
    client, pool = served
    response = client.request(case.method, case.path, content=case.body, headers=case.headers)
    assert response.status_code in case.expected, response.text[:300]
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["type"].startswith("urn:otmv:problem:")
    assert problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]
    assert pool.open_places == 0


def test_the_server_answers_after_all_of_them(served: tuple[TestClient, FakePool]) -> None:
    client, _ = served
    good = good_request()
    response = client.post(good.path, content=good.body, headers=good.headers)
    assert response.status_code == 200
    assert response.json()["answers"][0]["answer"] == "red"
