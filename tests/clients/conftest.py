"""A real server with the demo, for clients that others wrote: `make test-clients`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.kit.live_server import ROOT, LiveServer, serving

DEMO = ROOT / "examples/demo-artifact"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve the demo in a process of its own."""
    with serving(DEMO, tmp_path_factory.mktemp("cache")) as running:
        yield running


@pytest.fixture(scope="session")
def picture() -> Path:
    """Return a picture file that the demo was asked about."""
    return sorted((DEMO / "golden/images").glob("*.jpg"))[0]
