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
from engine.telemetry import Telemetry
from server.app import create_app
from server.ports import Progress
from server.serving import Serving
from server.settings import Settings
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.server.asgi import Exchange
from tests.server.fake_pool import FakePool
from tests.server.malformed import good_request

GOOD = good_request()
RELOAD = "/v1/artifacts/reload"
JSON = {"content-type": "application/json"}


def write_folder(folder: Path) -> Path:
    """Write two artifacts, and one beside them."""
    for name in ("inside/one", "inside/two", "outside"):
        write_tiny(folder / name)
    return folder


def opened(artifact: Artifact, progress: Progress) -> FakePool:
    """Open nothing: a pool that has the artifact."""
    return FakePool(artifact=artifact)


class Held:
    """Opens an artifact when it is told to."""

    def __init__(self, end: Callable[[Artifact, Progress], FakePool] = opened) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self._end = end

    def __call__(self, artifact: Artifact, progress: Progress) -> FakePool:
        self.begun.set()
        assert self.go.wait(10)
        return self._end(artifact, progress)

    async def wait_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, 10)


def make_app(folder: Path, pool: FakePool, **changes: Any) -> FastAPI:
    settings: dict[str, Any] = {"artifact": folder / "inside/one", "reload": True}
    settings |= {"access_log": False} | changes
    return create_app(Settings(**settings), lambda progress: pool, Telemetry())


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[Serving]:
    async with app.router.lifespan_context(app):
        await app.state.serving.settled()
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
