from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.telemetry import Telemetry
from server.app import create_app
from server.configuration.settings import Settings
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import LiveServer, serving
from tests.server.kit.reload_app import write_folder


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two artifacts in `inside`, and one beside it."""
    return write_folder(tmp_path_factory.mktemp("artifacts"))


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("artifact") / "tiny").root


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def server(artifact: Path, cache: Path) -> Iterator[LiveServer]:
    with serving(artifact, cache) as live:
        yield live


def wait_ready(client: TestClient) -> None:
    assert client.portal is not None
    client.portal.call(client.app.state.serving.settled)  # type: ignore[attr-defined]
