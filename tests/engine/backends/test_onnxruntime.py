from __future__ import annotations

from typing import Any

import onnxruntime
import pytest

from artifact.store import Artifact
from engine.backends.base import Backend
from engine.backends.onnxruntime import OnnxRuntimeBackend
from engine.backends.registry import open_backend
from tests.engine.backends.backend_contract import BackendContract


class TestOnnxRuntime(BackendContract):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls) -> Backend:
        return open_backend("onnxruntime")


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_as_many_as_asked_and_sleep_between_calls(
    threads: int, tiny: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []

    def session(path: str, options: Any, providers: list[str]) -> Any:
        opened.append(options)
        return real(path, options, providers=providers)

    real = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    stage, record = next(iter(tiny.manifest.stages.items()))
    OnnxRuntimeBackend(threads).load(stage, tiny.path(record.file), record)
    (options,) = opened
    assert options.intra_op_num_threads == threads
    assert options.use_per_session_threads
    assert float(options.get_session_config_entry("session.intra_op.spin_duration_us")) <= 50
