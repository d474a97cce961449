"""An app before a fake pool, and its life around a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from engine.telemetry import Telemetry
from server.app import create_app
from server.configuration.settings import Settings
from tests.server.kit.fake_pool import FakePool


def make_app(pool: FakePool, **changes: Any) -> FastAPI:
    """Return an app with some settings changed, without an access log unless it is asked for."""
    settings = Settings(**{"artifact": Path("/nowhere"), "access_log": False, **changes})
    return create_app(settings, lambda progress: pool, Telemetry())


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[FastAPI]:
    """Start an app, and stop it at the end of the block."""
    async with app.router.lifespan_context(app):
        await app.state.serving.settled()
        yield app
