from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.backends.base import Backend
from engine.backends.registry import open_backend
from engine.clock import SystemClock
from engine.config import EngineConfig
from engine.errors import InferenceFailed
from engine.opening.auto import open_chosen
from engine.pool import EnginePool
from engine.tasks.vqa import VqaInput
from engine.types import Budget
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.artifacts.tiny_graphs import example_inputs
from tests.engine.artifacts.tiny_model import LABELS, TinyModel, picture
from tests.engine.backends.backend_contract import BackendContract

pytest.importorskip(
    "openvino", reason="OpenVINO is not installed: pip install otmv-serve[openvino]"
)

from engine.backends.openvino import OpenVinoBackend, native_precision


class TestOpenVino(BackendContract):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls) -> Backend:
        return open_backend("openvino")


class TestOpenVinoFp32(BackendContract):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls) -> Backend:
        return OpenVinoBackend(precision="fp32")


@pytest.mark.parametrize(
    ("cpuinfo", "precision"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_bf16\n", "bf16"),
        ("flags : fpu amx_bf16 amx_tile\n", "bf16"),
        ("flags : fpu avx512f avx512_bf16_like\n", "fp32"),
        ("Features : asimd bf16\n", "fp32"),
        ("", "fp32"),
    ],
)
def test_bf16_only_where_the_processor_has_it(tmp_path: Path, cpuinfo: str, precision: str) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert native_precision(tmp_path / "cpuinfo") == precision
    assert native_precision(tmp_path / "missing") == "fp32"


def test_an_input_of_another_type_or_shape_is_a_typed_error(tmp_path: Path) -> None:
    artifact = write_tiny(tmp_path / "tiny", TinyModel())
    spec = artifact.manifest.stages["head[vqa]"]
    stage = open_backend("openvino").load("head[vqa]", artifact.path(spec.file), spec)
    y = example_inputs(TinyModel(), "head[vqa]", 2, seed=1)["y"]
    for wrong in (y.astype(np.float64), y[:, :1], y[..., :1]):
        with pytest.raises(InferenceFailed, match=r"head\[vqa\]"):
            stage.run({"y": wrong})
    read_only = np.broadcast_to(y[:1], y.shape)
    np.testing.assert_array_equal(
        stage.run({"y": read_only})["logits"], stage.run({"y": read_only.copy()})["logits"]
    )


def test_the_facade_answers_on_it(tmp_path: Path) -> None:
    artifact = write_tiny(tmp_path / "tiny", TinyModel())
    config = EngineConfig(backend="openvino", cache_dir=tmp_path / "cache", max_batch=2)
    pool = EnginePool.open(artifact, config)
    try:
        now_s = SystemClock().now_s()
        request = pool.admit("vqa", Budget(variant="full"), now_s)
        answer = pool.submit(request, VqaInput(picture(), "what colour")).result(20)
        logits = TinyModel().vqa(artifact.manifest.pattern("full"), picture(), [1, 5, 6, 2])
        assert answer.labels[0][0] == LABELS[int(logits.argmax())]
        assert pool.backend.name == "openvino"
    finally:
        pool.close()


@pytest.mark.slow
def test_auto_takes_one_of_them_and_says_why(tmp_path: Path) -> None:
    artifact = write_tiny(tmp_path / "tiny", TinyModel())
    config = EngineConfig(backend="auto", cache_dir=tmp_path / "cache", max_batch=2)
    opened = open_chosen(artifact, config, lambda what, share: None)
    opened.stages.close()
    assert "of the time of" in opened.reason
    assert len(list((tmp_path / "cache/latency").glob("*.json"))) == 2
    assert len(list((tmp_path / "cache/backend").glob("*.json"))) == 1
