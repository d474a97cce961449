"""One adaptable artifact for all tests of this folder: tracing it takes seconds."""

from __future__ import annotations

import pytest

from artifact.store import Artifact
from models.checkpoint import Checkpoint
from tests.adapted.adaptable import adaptable_checkpoint, write_adaptable


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    return adaptable_checkpoint()


@pytest.fixture(scope="session")
def artifact(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write_adaptable(checkpoint, tmp_path_factory.mktemp("adaptable") / "artifact")
