"""Fixtures of the executor's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from artifact.store import Artifact
from tests.engine.bench import MODEL, Bench
from tests.engine.tiny_artifact import write_tiny


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write_tiny(tmp_path_factory.mktemp("tiny") / "tiny", MODEL)


@pytest.fixture
def bench(tiny: Artifact) -> Iterator[Bench]:
    made = Bench(tiny)
    yield made
    made.backend.gate.set()
    made.pool.close()
