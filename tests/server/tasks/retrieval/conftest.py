from __future__ import annotations

import pytest

from artifact.store import Artifact
from models.checkpoint import Checkpoint
from tests.server.tasks.retrieval.embedding_model import exported, random_checkpoint


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    return random_checkpoint()


@pytest.fixture(scope="session")
def artifact(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return exported(checkpoint, tmp_path_factory.mktemp("retrieval") / "tiny")
