from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from artifact.store import Artifact
from engine.backends.registry import open_backend
from engine.config import EngineConfig
from engine.opening import threads
from engine.opening.thread_trial import measure_one_thread
from engine.opening.threads import FRONT_CPU_S, OneThread, threads_that_pay, with_threads


@pytest.mark.parametrize(
    ("cores", "question_ms", "call_ms", "expected"),
    [
        (2, 3.0, 2.2, 1),  # the demo
        (2, 435.0, 280.0, 2),  # BEiT-3 base
        (2, 0.1, 0.1, 1),
        (4, 3.0, 2.2, 2),
        (64, 3.0, 2.2, 8),  # a call of 2.2 ms has no more parts
        (64, 435.0, 280.0, 64),
        (1, 435.0, 280.0, 1),
    ],
)
def test_a_large_model_gets_every_core_and_a_small_one_leaves_some_to_the_front(
    cores: int, question_ms: float, call_ms: float, expected: int
) -> None:
    one = OneThread(question_ms / 1e3, call_ms / 1e3)
    assert threads_that_pay(cores, one) == expected


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return lambda count: monkeypatch.setattr(threads, "usable_cores", lambda: count)


def _never(artifact: Artifact, config: EngineConfig) -> OneThread | None:
    raise AssertionError("measured")


def _large(artifact: Artifact, config: EngineConfig) -> OneThread | None:
    return OneThread(100 * FRONT_CPU_S, 1.0)


def test_what_was_measured_once_is_remembered(
    tiny: Artifact, tmp_path: Path, cores: Callable[[int], None]
) -> None:
    cores(4)
    config = EngineConfig(cache_dir=tmp_path)
    assert with_threads(tiny, config, measure=_large).threads == 4
    assert with_threads(tiny, config, measure=_never).threads == 4
    with pytest.raises(AssertionError, match="measured"):
        with_threads(tiny, config, measure_again=True, measure=_never)


def test_a_quota_that_shrinks_is_not_overrun_by_what_was_remembered(
    tiny: Artifact, tmp_path: Path, cores: Callable[[int], None]
) -> None:
    config = EngineConfig(cache_dir=tmp_path)
    cores(4)
    with_threads(tiny, config, measure=_large)
    cores(2)
    assert with_threads(tiny, config, measure=_large).threads == 2


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"threads": "2"}', '{"threads": 0}'])
def test_a_file_that_says_nothing_is_measured_again(
    text: str, tiny: Artifact, tmp_path: Path, cores: Callable[[int], None]
) -> None:
    cores(4)
    config = EngineConfig(cache_dir=tmp_path)
    with_threads(tiny, config, measure=_large)
    (file,) = (tmp_path / "threads").iterdir()
    file.write_text(text)
    assert with_threads(tiny, config, measure=_large).threads == 4
    file.write_text(text)
    with pytest.raises(AssertionError, match="measured"):
        with_threads(tiny, config, measure=_never)


def test_one_core_needs_no_measurement(
    tiny: Artifact, tmp_path: Path, cores: Callable[[int], None]
) -> None:
    cores(1)
    assert with_threads(tiny, EngineConfig(cache_dir=tmp_path), measure=_never).threads == 1


def test_where_measuring_fails_every_core_is_taken(
    tiny: Artifact, tmp_path: Path, cores: Callable[[int], None]
) -> None:
    cores(4)
    config = EngineConfig(cache_dir=tmp_path)
    assert with_threads(tiny, config, measure=lambda artifact, config: None).threads == 4
    assert not (tmp_path / "threads").exists()


@pytest.mark.parametrize(("backend", "given"), [("onnxruntime", 3), ("tensorrt", 0)])
def test_a_number_that_is_given_stays_and_a_gpu_needs_none(
    backend: str, given: int, tiny: Artifact, tmp_path: Path
) -> None:
    config = EngineConfig(backend=backend, threads=given, cache_dir=tmp_path)
    assert with_threads(tiny, config, measure=_never) == config


def test_one_thread_is_measured_on_a_real_block(tiny: Artifact) -> None:
    one = measure_one_thread(tiny, open_backend("onnxruntime", 1), 8)
    assert 0 < one.question_s < one.call_s * 100


def test_it_is_measured_in_another_process(
    tiny: Artifact, tmp_path: Path, cores: Callable[[int], None]
) -> None:
    cores(2)
    found = with_threads(tiny, EngineConfig(cache_dir=tmp_path))
    assert found.threads == 1  # a tiny model leaves cores to the front
    assert len(list((tmp_path / "threads").iterdir())) == 1


def test_a_child_that_fails_is_no_measurement(
    tiny: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: Callable[[int], None]
) -> None:
    cores(2)
    monkeypatch.setattr(threads, "asked_apart", lambda module, order: ("", 1))
    assert with_threads(tiny, EngineConfig(cache_dir=tmp_path)).threads == 2
