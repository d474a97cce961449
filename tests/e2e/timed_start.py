"""A server of the demo whose start is timed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.demo_copies import DEMO
from tests.server.kit.live_server import LiveServer, serving

READY_S = 15.0
"""Of two busy cores; alone it takes two seconds. Without the cache folder it is minutes."""


@contextmanager
def timed(cache: Path, **environment: str) -> Iterator[tuple[LiveServer, float]]:
    """Serve the demo; say how many seconds it took until it was ready."""
    start_s = time.monotonic()
    with serving(DEMO, cache, **environment) as server:
        yield server, time.monotonic() - start_s
