from __future__ import annotations

import pytest

from artifact.store import Artifact
from engine.backends.registry import open_backend
from engine.errors import LoadFailed
from engine.residency.family import Family
from engine.residency.stages import StageSet
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.artifacts.tiny_model import TinyModel, tiny_config

MB = 1_000_000


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    model = TinyModel(tiny_config((0, 0, 1, 2)))
    return write_tiny(tmp_path_factory.mktemp("stages") / "tiny", model)


def stage_set(artifact: Artifact, budget_bytes: int | None = None) -> StageSet:
    backend = open_backend("onnxruntime")
    return StageSet(artifact, backend, Family(artifact.manifest, "fp32"), 4, budget_bytes)


def load(artifact: Artifact, budget_bytes: int | None = None) -> StageSet:
    stages = stage_set(artifact, budget_bytes)
    stages.load(lambda what, share: None)
    return stages


def test_without_a_budget_everything_is_loaded_and_has_bytes(artifact: Artifact) -> None:
    stages = load(artifact)
    assert stages.resident_keys == 3
    assert set(stages.loaded) == set(artifact.manifest.stages)
    sizes = artifact.tensor_bytes()
    for stage, spec in artifact.manifest.stages.items():
        assert stages.bytes_of(stage) >= sum(sizes[name] for name in spec.initializers)
    assert sum(stages.loaded_bytes()) >= stages.total_bytes(3) > stages.total_bytes(2)


def test_later_keys_leave_first_and_running_rows_keep_theirs(artifact: Artifact) -> None:
    stages = load(artifact)
    stages.set_budget(stages.total_bytes(1))
    assert stages.resident_keys == 1
    assert "block[2]" in stages.loaded
    assert stages.can_evict(lambda: 2)
    stages.evict(keys_in_use=2)
    assert "block[2]" not in stages.loaded
    assert "block[1]" in stages.loaded
    assert not stages.can_evict(lambda: 2)
    stages.evict(keys_in_use=0)
    assert {s for s in stages.loaded if s.startswith("block[")} == {"block[0]"}
    assert not stages.can_evict(lambda: 0)


def test_keys_come_back_with_the_budget(artifact: Artifact) -> None:
    stages = load(artifact)
    stages.set_budget(stages.total_bytes(1))
    stages.evict(0)
    stages.set_budget(None)
    assert stages.resident_keys == 3
    assert set(stages.loaded) == set(artifact.manifest.stages)


def test_a_budget_below_the_first_key_is_refused_and_changes_nothing(artifact: Artifact) -> None:
    stages = load(artifact)
    with pytest.raises(LoadFailed, match=r"not even the first key.*it needs"):
        stages.set_budget(1)
    assert stages.resident_keys == 3
    with pytest.raises(LoadFailed, match="not even the first key"):
        load(artifact, budget_bytes=1)


def test_a_key_that_cannot_fit_is_not_loaded(artifact: Artifact) -> None:
    whole = load(artifact)
    stages = load(artifact, whole.total_bytes(1) + 10 * MB)
    assert stages.resident_keys >= 1
    assert stages.total_bytes(stages.resident_keys) <= whole.total_bytes(1) + 10 * MB
