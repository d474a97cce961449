"""An app whose artifact can be changed, and short words for doing so."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from artifact.store import Artifact
from server.engine_pool import Progress
from server.lifecycle.serving import Serving
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.server.kit.asgi_exchange import Exchange
from tests.server.kit.bad_requests import good_request
from tests.server.kit.fake_app import make_app, running
from tests.server.kit.fake_pool import FakePool

GOOD = good_request()
RELOAD = "/v1/artifacts/reload"
JSON = {"content-type": "application/json"}


def write_folder(folder: Path) -> Path:
    """Write two artifacts, and one beside them."""
    for name in ("inside/one", "inside/two", "outside"):
        write_tiny(folder / name)
    return folder


def open_fake(artifact: Artifact, progress: Progress) -> FakePool:
    """Open nothing: a pool that has the artifact."""
    return FakePool(artifact=artifact)


class HeldOpening:
    """Opens an artifact when it is told to."""

    def __init__(self, end: Callable[[Artifact, Progress], FakePool] = open_fake) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self._end = end

    def __call__(self, artifact: Artifact, progress: Progress) -> FakePool:
        self.begun.set()
        assert self.go.wait(10)
        return self._end(artifact, progress)

    async def wait_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, 10)


def make_reload_app(folder: Path, pool: FakePool, **changes: Any) -> FastAPI:
    """Return an app that serves the first of the folder's artifacts and takes reloads."""
    settings = {"artifact": folder / "inside/one", "reload": True} | changes
    return make_app(pool, **settings)


@asynccontextmanager
async def running_state(app: FastAPI) -> AsyncIterator[Serving]:
    """Start an app, and stop it at the end of the block; yield its state."""
    async with running(app):
        yield app.state.serving


async def post(app: FastAPI, body: bytes = b"", **headers: str) -> Exchange:
    exchange = Exchange(RELOAD, dict(headers) or dict(JSON))
    exchange.body(body)
    await asyncio.wait_for(exchange.run(app), 10)
    return exchange


async def ask(app: FastAPI) -> Exchange:
    exchange = Exchange()
    exchange.body(GOOD.body)
    await asyncio.wait_for(exchange.run(app), 10)
    return exchange


def reloads(app: FastAPI, outcome: str) -> float | None:
    registry = app.state.serving.telemetry.registry
    found: float | None = registry.get_sample_value("otmv_reloads_total", {"outcome": outcome})
    return found
