"""Fixtures of the TensorRT backend's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from artifact.store import Artifact
from tests.engine.artifacts.tiny_gallery import COMPOSED, write_gallery
from tests.engine.backends.tensorrt.backend_on_fakes import BackendOnFakes
from tests.engine.backends.tensorrt.fake_plans import write_plans


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Artifact, Path]:
    """An artifact with stages of every kind, and a cache folder with plans of them."""
    folder = tmp_path_factory.mktemp("planned")
    artifact = write_gallery(folder / "every", COMPOSED)
    write_plans(folder, artifact)
    return artifact, folder


@pytest.fixture
def on_fakes(planned: tuple[Artifact, Path]) -> BackendOnFakes:
    return BackendOnFakes(*planned)
