"""Artifacts and engines that several tests use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artifact.store import Artifact
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.artifacts.tiny_gallery import write_gallery
from tests.engine.artifacts.tiny_model import MODEL, TRIO_MODEL
from tests.engine.pools.caption_engine import CaptionEngine
from tests.engine.pools.fake_engine import FakeEngine
from tests.engine.pools.watched_engine import IdleEngine, WatchedEngine


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write_tiny(tmp_path_factory.mktemp("tiny") / "tiny", MODEL)


@pytest.fixture(scope="session")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The tiny artifact with statements too; its other weights are the same."""
    return write_tiny(tmp_path_factory.mktemp("trio") / "tiny", TRIO_MODEL)


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Whole variants only."""
    return write_gallery(tmp_path_factory.mktemp("gallery") / "tiny")


@pytest.fixture(scope="session")
def idle() -> Iterator[IdleEngine]:
    engines: dict[Path, WatchedEngine] = {}

    def engine(artifact: Artifact) -> WatchedEngine:
        if artifact.root not in engines:
            engines[artifact.root] = WatchedEngine(artifact)
        engines[artifact.root].calm()
        return engines[artifact.root]

    yield engine
    for made in engines.values():
        made.close()


@pytest.fixture
def wholes(gallery: Artifact, idle: IdleEngine) -> Iterator[WatchedEngine]:
    """The gallery, watched; other tests have used it, and nothing of theirs may show."""
    made = idle(gallery)
    yield made
    made.calm()


@pytest.fixture
def fresh_wholes(gallery: Artifact) -> Iterator[WatchedEngine]:
    """The gallery, watched; only this test uses it."""
    made = WatchedEngine(gallery)
    yield made
    made.close()


@pytest.fixture
def watched(trio: Artifact) -> Iterator[WatchedEngine]:
    """The tiny artifact with statements, watched; only this test uses it."""
    made = WatchedEngine(trio)
    yield made
    made.close()


@pytest.fixture
def caption_engine(tiny: Artifact) -> Iterator[CaptionEngine]:
    made = CaptionEngine(tiny)
    yield made
    made.backend.gate.set()
    made.pool.close()


@pytest.fixture
def engine(tiny: Artifact) -> Iterator[FakeEngine]:
    made = FakeEngine(tiny)
    yield made
    made.backend.gate.set()
    made.pool.close()
