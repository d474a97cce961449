"""When the torch backend is taken: by name, and by `auto` where there is a device."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from artifact.store import Artifact
from engine.backends.cuda.driver import has_cuda
from engine.backends.registry import installed_backends
from engine.clock import SystemClock
from engine.config import EngineConfig
from engine.opening.auto import open_chosen
from engine.pool import EnginePool
from engine.tasks.vqa import VqaInput
from engine.types import Budget
from tests.engine.artifacts.tiny_model import LABELS, TinyModel, picture

pytest.importorskip("torch", reason="pip install otmv-serve[torch]")


def test_the_facade_answers_on_it(tmp_path: Path, tiny: Artifact) -> None:
    config = EngineConfig(backend="torch", cache_dir=tmp_path / "cache", max_batch=2)
    pool = EnginePool.open(tiny, config)
    try:
        now_s = SystemClock().now_s()
        request = pool.admit("vqa", Budget(variant="full"), now_s)
        answer = pool.submit(request, VqaInput(picture(), "what colour")).result(20)
        logits = TinyModel().vqa(tiny.manifest.pattern("full"), picture(), [1, 5, 6, 2])
        assert answer.labels[0][0] == LABELS[int(logits.argmax())]
        assert pool.backend.name == "torch"
    finally:
        pool.close()


def test_looking_for_backends_imports_none() -> None:
    code = (
        "import sys; from engine.backends.registry import candidate_backends as look; look(); "
        "print(sorted({'torch', 'onnx', 'openvino', 'onnxruntime'} & sys.modules.keys()))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
    assert "torch" in installed_backends()


@pytest.mark.slow
def test_auto_on_a_machine_without_a_device_never_tries_it(tmp_path: Path, tiny: Artifact) -> None:
    if has_cuda():
        pytest.skip("this machine has a CUDA device")
    config = EngineConfig(backend="auto", cache_dir=tmp_path / "cache", max_batch=2)
    opened = open_chosen(tiny, config, lambda what, share: None)
    opened.stages.close()
    assert "torch" not in opened.reason
