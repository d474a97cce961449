"""A trial of a backend in a process of its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from artifact.store import Artifact
from engine.config import EngineConfig
from engine.opening.apart import try_apart


@pytest.fixture
def config(tmp_path: Path) -> EngineConfig:
    return EngineConfig(backend="onnxruntime", cache_dir=tmp_path, max_batch=2)


def test_a_trial_in_another_process(tiny: Artifact, config: EngineConfig) -> None:
    trial = try_apart(tiny, config)
    assert trial.error is None
    assert trial.library.startswith("onnxruntime ")
    assert trial.resident_keys == 2
    assert trial.seconds is not None
    assert set(trial.seconds) == {
        f"{task} {variant}, batch {batch}"
        for task in ("vqa", "caption")
        for variant in ("full", "d3", "d2", "d1")
        for batch in (1, 2)
    }
    assert len(list((config.cache_dir / "latency").glob("*.json"))) == 1


def test_a_trial_that_crashes_is_a_failed_trial(tiny: Artifact, config: EngineConfig) -> None:
    nowhere = dataclasses.replace(tiny, root=tiny.root / "nowhere")
    trial = try_apart(nowhere, config)
    assert trial.error is not None
    assert "ended with code 1" in trial.error
