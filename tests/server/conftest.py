from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from engine.telemetry import ZERO_WHEN_IDLE, Telemetry
from server.app import create_app
from server.configuration.settings import Settings
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import LiveServer, serving
from tests.server.kit.reload_app import write_folder


@pytest.fixture(autouse=True)
def idle_in_the_end(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[None]:
    """After every test, nothing is under way: in servers of this process, and in the real one."""
    made: list[Telemetry] = []
    start = Telemetry.__init__

    def noted(self: Telemetry, *arguments: Any, **named: Any) -> None:
        start(self, *arguments, **named)
        made.append(self)

    monkeypatch.setattr(Telemetry, "__init__", noted)
    yield
    for telemetry in made:
        wait_zero(partial(in_registry, telemetry))
    live = request.node.funcargs.get("server")
    if isinstance(live, LiveServer) and live.process.poll() is None:
        wait_zero(lambda: gauges(httpx.get(f"{live.url}/metrics").text))


def wait_zero(read: Callable[[], dict[str, float | None]]) -> None:
    """Wait until every gauge is 0: what a client left behind ends a little later."""
    end_s = time.monotonic() + 10
    while any(read().values()):
        assert time.monotonic() < end_s, read()
        time.sleep(0.01)


def in_registry(telemetry: Telemetry) -> dict[str, float | None]:
    read = telemetry.registry.get_sample_value
    return {name: read(name) for name in ZERO_WHEN_IDLE}


def gauges(page: str) -> dict[str, float | None]:
    lines = (line.split() for line in page.splitlines())
    return {line[0]: float(line[1]) for line in lines if line[0] in ZERO_WHEN_IDLE}


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
