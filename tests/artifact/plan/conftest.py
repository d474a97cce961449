from __future__ import annotations

from pathlib import Path

import pytest

from artifact.store import Artifact
from tests.engine.artifacts.tiny_artifact import write_tiny


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    return write_tiny(tmp_path / "tiny")
