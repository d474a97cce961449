"""Choosing a backend: trials are given, what is opened is real ONNX Runtime."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from artifact.store import Artifact
from engine.config import EngineConfig
from engine.errors import LoadFailed, ParityFailed
from engine.opening import auto
from engine.opening import open as opening
from engine.opening.auto import open_chosen
from engine.opening.choose import BackendTrial
from engine.opening.open import OpenedEngine
from engine.residency.stages import Progress
from tests.engine.artifacts.tiny_artifact import write_tiny

BOTH = {"onnxruntime": "1", "openvino": "1"}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write_tiny(tmp_path_factory.mktemp("auto") / "tiny")


@pytest.fixture
def config(tmp_path: Path) -> EngineConfig:
    return EngineConfig(backend="auto", cache_dir=tmp_path, max_batch=2)


class GivenTrials:
    """Stands for `try_apart`: gives times or errors by backend and counts."""

    def __init__(self, **outcomes: float | str) -> None:
        self.outcomes = outcomes
        self.asked: list[str] = []

    def __call__(self, artifact: Artifact, config: EngineConfig) -> BackendTrial:
        self.asked.append(config.backend)
        outcome = self.outcomes[config.backend]
        if isinstance(outcome, str):
            return BackendTrial(config.backend, error=outcome)
        return BackendTrial(config.backend, config.backend + " 1", None, 2, {"vqa full": outcome})


@pytest.fixture
def opens(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Install backends in name only; every one opens as ONNX Runtime, or raises."""
    names: list[str] = []

    def prepare(installed: dict[str, str], broken: str = "") -> list[str]:
        def open_named(
            artifact: Artifact, config: EngineConfig, progress: Progress, again: bool = False
        ) -> OpenedEngine:
            names.append(config.backend)
            if config.backend == broken:
                raise ParityFailed("block[0]", 0.5, 0.02, "relative L2")
            real = dataclasses.replace(config, backend="onnxruntime")
            return opening.open_engine(artifact, real, progress, again)

        monkeypatch.setattr(auto, "candidate_backends", lambda: installed)
        monkeypatch.setattr(auto, "open_engine", open_named)
        return names

    return prepare


def start(artifact: Artifact, config: EngineConfig, trials: GivenTrials) -> str:
    opened = open_chosen(artifact, config, lambda what, share: None, try_backend=trials)
    opened.stages.close()
    return opened.reason


def test_the_fastest_is_opened_said_and_remembered(
    artifact: Artifact,
    config: EngineConfig,
    opens: Callable[..., list[str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    names, trials = opens(BOTH), GivenTrials(onnxruntime=1.0, openvino=0.5)
    assert start(artifact, config, trials) == "openvino 1: 0.50 of the time of onnxruntime 1"
    assert "0.50 of the time of onnxruntime 1" in caplog.text
    assert start(artifact, config, trials) == "openvino 1: 0.50 of the time of onnxruntime 1"
    assert (trials.asked, names) == (["onnxruntime", "openvino"], ["openvino"] * 2)


def test_it_sticks_until_another_is_clearly_faster(
    artifact: Artifact, config: EngineConfig, opens: Callable[..., list[str]]
) -> None:
    names = opens(BOTH)
    start(artifact, config, GivenTrials(onnxruntime=1.0, openvino=0.5))
    larger = dataclasses.replace(config, max_batch=4)
    start(artifact, larger, GivenTrials(onnxruntime=0.98, openvino=1.0))
    start(artifact, config, GivenTrials(onnxruntime=0.9, openvino=1.0))
    assert names == ["openvino", "openvino", "onnxruntime"]


def test_a_backend_that_fails_is_named_and_skipped(
    artifact: Artifact,
    config: EngineConfig,
    opens: Callable[..., list[str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = opens(BOTH)
    reason = start(artifact, config, GivenTrials(onnxruntime=1.0, openvino="block[0]: too far off"))
    assert (names, reason) == (["onnxruntime"], "onnxruntime 1: the only one that passed")
    assert "backend skipped: openvino: block[0]: too far off" in caplog.text


def test_if_none_passes_each_error_is_in_one_line(
    artifact: Artifact, config: EngineConfig, opens: Callable[..., list[str]]
) -> None:
    opens(BOTH)
    with pytest.raises(LoadFailed, match="none passed: onnxruntime: no file; openvino: too far"):
        start(artifact, config, GivenTrials(onnxruntime="no file", openvino="too far"))


def test_a_remembered_backend_that_fails_now_is_chosen_away(
    artifact: Artifact, config: EngineConfig, opens: Callable[..., list[str]]
) -> None:
    names = opens(BOTH)
    start(artifact, config, GivenTrials(onnxruntime=1.0, openvino=0.5))
    opens(BOTH, broken="openvino")
    start(artifact, config, GivenTrials(onnxruntime=1.0, openvino="too far off"))
    assert names == ["openvino", "openvino", "onnxruntime"]


def test_a_new_version_is_tried_again(
    artifact: Artifact, config: EngineConfig, opens: Callable[..., list[str]]
) -> None:
    opens(BOTH)
    trials = GivenTrials(onnxruntime=1.0, openvino=0.5)
    start(artifact, config, trials)
    opens(BOTH | {"openvino": "2"})
    start(artifact, config, trials)
    assert len(trials.asked) == 4


def test_the_only_one_installed_needs_no_trial(
    artifact: Artifact, config: EngineConfig, opens: Callable[..., list[str]]
) -> None:
    opens({"onnxruntime": "1"})
    assert start(artifact, config, GivenTrials()) == "the only one installed"
