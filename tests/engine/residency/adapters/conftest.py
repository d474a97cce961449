"""One adaptable artifact and its adapters for all tests of this folder: tracing takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artifact.adapters.folder import Adapter
from artifact.store import Artifact
from models.checkpoint import Checkpoint
from tests.engine.pools.watched_engine import WatchedEngine
from tests.engine.residency.adapters import adaptable as made
from tests.engine.residency.adapters.asking import Asking


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    return made.adaptable_checkpoint()


@pytest.fixture(scope="session")
def artifact(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return made.write_adaptable(checkpoint, tmp_path_factory.mktemp("adaptable") / "artifact")


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("adapters")


@pytest.fixture(scope="session")
def adapters(artifact: Artifact, root: Path) -> dict[str, Adapter]:
    config = artifact.manifest.config
    kinds = {kind.__name__: kind for kind in made.KINDS}
    return {
        name: made.write_one(root / name, kinds[name.partition("-")[0]](), config)
        for name in made.EIGHT
    }


@pytest.fixture
def watched(artifact: Artifact) -> Iterator[WatchedEngine]:
    engine = WatchedEngine(artifact, adapter_places=9)
    yield engine
    engine.close()


@pytest.fixture
def asking(
    artifact: Artifact,
    checkpoint: Checkpoint,
    adapters: dict[str, Adapter],
    root: Path,
    watched: WatchedEngine,
) -> Asking:
    return Asking(artifact, checkpoint, adapters, root, watched)
