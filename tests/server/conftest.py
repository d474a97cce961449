from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.telemetry import Telemetry
from server.app import create_app
from server.configuration.settings import Settings
from tests.server.kit.fake_pool import FakePool


@pytest.fixture
def settings() -> Settings:
    return Settings(artifact=Path("/nowhere"), max_body_bytes=2 * 2**20, access_log=False)


@pytest.fixture
def pool() -> FakePool:
    return FakePool()


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def client(settings: Settings, pool: FakePool, telemetry: Telemetry) -> Iterator[TestClient]:
    app = create_app(settings, lambda progress: pool, telemetry)
    with TestClient(app, raise_server_exceptions=False) as opened:
        wait_ready(opened)
        yield opened


def wait_ready(client: TestClient) -> None:
    assert client.portal is not None
    client.portal.call(client.app.state.serving.settled)  # type: ignore[attr-defined]
