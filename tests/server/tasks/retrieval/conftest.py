from __future__ import annotations

import pytest

from artifact.store import Artifact
from models.checkpoint import Checkpoint
from tests.server.tasks.retrieval.embedding_model import shared_artifact, shared_checkpoint


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    return shared_checkpoint()


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return shared_artifact(tmp_path_factory.getbasetemp())
