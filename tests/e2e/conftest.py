from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifact.store import Artifact, open_artifact
from tests.e2e.demo_copies import DEMO, ROOT, write_demo_copy
from tests.server.kit.live_server import LiveServer, serving
from tuning.world.dataset import write_world

sys.path.insert(0, str(ROOT / "examples"))


@pytest.fixture(scope="session")
def demo() -> Artifact:
    return open_artifact(DEMO)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that knows the demo: a server that gets it is ready in seconds."""
    folder = tmp_path_factory.mktemp("cache")
    with serving(DEMO, folder) as live:
        assert live.stop() == 0
    return folder


@pytest.fixture(scope="session")
def server(cache: Path) -> Iterator[LiveServer]:
    with serving(DEMO, cache) as live:
        yield live


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What starts in seconds without a cache folder too."""
    return write_demo_copy(tmp_path_factory.mktemp("artifact") / "quick", "quick")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures no tuning, ladder search or quality report has seen."""
    out = tmp_path_factory.mktemp("world") / "w"
    write_world(out, 100, 777)
    return out
