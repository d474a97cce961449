"""Short bodies are parsed at once; long ones must not hold the event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from server.requests.json_scan import SLICE_BYTES
from tests.server.kit.fake_app import make_app, running
from tests.server.kit.fake_pool import FakePool


@pytest.mark.parametrize(
    ("size_bytes", "here"), [(0, True), (SLICE_BYTES, True), (SLICE_BYTES + 1, False)]
)
def test_where_a_body_is_parsed(size_bytes: int, here: bool) -> None:
    async def thread_of_parsing() -> threading.Thread:
        async with running(make_app(FakePool())) as app:
            return await app.state.serving.parse(size_bytes, threading.current_thread)

    assert (asyncio.run(thread_of_parsing()) is threading.current_thread()) == here
