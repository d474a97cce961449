"""A ready app before a fake pool, with any settings: for tests of what settings change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from engine.clock import Clock
from engine.telemetry import Telemetry
from server.app import create_app
from server.configuration.settings import Settings
from tests.server.conftest import wait_ready
from tests.server.kit.fake_pool import FakePool


class ManualClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def now_s(self) -> float:
        return self.at_s


@contextmanager
def ready_client(
    pool: FakePool | None = None,
    telemetry: Telemetry | None = None,
    clock: Clock | None = None,
    **changes: Any,
) -> Iterator[TestClient]:
    """Open an app with some settings changed, without an access log unless it is asked for."""
    settings = Settings(**{"artifact": Path("/nowhere"), "access_log": False, **changes})
    served = pool or FakePool()
    app = create_app(settings, lambda progress: served, telemetry or Telemetry(), clock)
    with TestClient(app, raise_server_exceptions=False) as client:
        wait_ready(client)
        yield client
