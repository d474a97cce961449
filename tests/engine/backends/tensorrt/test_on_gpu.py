"""The TensorRT backend on a GPU: the contract, and what the stand-ins cannot tell."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from artifact.config import Precision
from artifact.golden import relative_l2
from artifact.store import Artifact, open_artifact
from engine.backends.base import Backend
from engine.backends.registry import open_backend
from engine.backends.stage_memory import moved_inputs, places_for_outputs, stays_in_memory
from engine.backends.tensorrt import detect
from engine.config import EngineConfig
from engine.opening.open import open_engine
from engine.opening.solo import Solo
from engine.residency.family import Family
from engine.residency.stages import StageSet
from tests.engine.answers.solo_answers import caption_words, vqa_logits
from tests.engine.artifacts.tiny_gallery import COMPOSED, inputs_of, write_gallery
from tests.engine.artifacts.tiny_model import picture
from tests.engine.artifacts.whole_model import WHOLE
from tests.engine.backends.backend_contract import STAGES, BackendContract
from tests.engine.pools.fake_backend import FakeBackend

pytestmark = pytest.mark.gpu


def build(artifact: Artifact, cache_dir: Path, precision: Precision, max_batch: int = 16) -> None:
    """Build plans for the GPU here; skip where there is none."""
    found = detect.find_tensorrt()
    if isinstance(found, detect.Unready):
        pytest.skip(f"{found.problem} ({found.fix})")
    from exporters.tensorrt.build import BuildOptions, build_plans
    from exporters.tensorrt.library import open_library

    library = open_library("tensorrt" if found.module == "tensorrt" else "tensorrt-rtx")
    arch = found.arch if found.arch in library.archs else "portable"
    stages = tuple(artifact.manifest.stages)
    build_plans(artifact, library, stages, BuildOptions(arch, precision, max_batch, cache_dir))


class TestTensorRt(BackendContract):
    @pytest.fixture(scope="class", params=get_args(Precision))
    @classmethod
    def backend(
        cls, artifact: Artifact, cache_dir: Path, request: pytest.FixtureRequest
    ) -> Backend:
        cache_dir = cache_dir / request.param
        build(artifact, cache_dir, request.param)
        return open_backend("tensorrt", artifact=artifact, cache_dir=cache_dir)


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """An artifact with stages of every kind."""
    return write_gallery(tmp_path_factory.mktemp("every") / "tiny", COMPOSED)


@pytest.fixture(scope="module")
def cache_dir(every: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpu")
    build(every, folder, "fp32")
    return folder


@pytest.fixture
def backend(every: Artifact, cache_dir: Path) -> Backend:
    return open_backend("tensorrt", artifact=every, cache_dir=cache_dir)


@pytest.mark.parametrize("stage", STAGES)
def test_kept_arrays_through_captured_graphs(
    every: Artifact, backend: Backend, stage: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    spec = every.manifest.stages[stage]
    loaded = backend.load(stage, every.path(spec.file), spec)
    for seed in range(6):
        plain = inputs_of(stage, 1 + seed % 3, seed)
        inputs = moved_inputs(backend.memory, plain)
        into = places_for_outputs(every.manifest, backend.memory, stage, inputs)
        found = loaded.run(inputs, into)
        for name, array in WHOLE.run(stage, plain).items():
            numbers = found[name].read() if stays_in_memory(name) else found[name]
            assert relative_l2(numbers, array) <= 1e-5
    assert "no CUDA graph" not in caplog.text


def test_the_engine_on_it(every: Artifact, backend: Backend) -> None:
    family = Family(every.manifest, "fp32")
    stages = StageSet(every, backend, family, 8)
    stages.load(lambda what, share: None)
    pixels = [picture(seed) for seed in range(9)]
    found = Solo(family, stages.run, 8, backend.memory)
    alone = Solo(family, FakeBackend(WHOLE).call, 8)
    tokens = [[1, 5, 6, 2]] * len(pixels)
    np.testing.assert_allclose(
        vqa_logits(found, "d2", pixels, tokens), vqa_logits(alone, "d2", pixels, tokens), 1e-4
    )
    for variant in ("d2", "slim"):
        assert caption_words(found, variant, pixels, beams=2) == caption_words(
            alone, variant, pixels, beams=2
        )
    stages.close()


def test_the_demo_passes_its_golden_check(tmp_path: Path) -> None:
    demo = open_artifact(Path(__file__).parents[4] / "examples" / "demo-artifact")
    build(demo, tmp_path, "fp16", max_batch=8)
    config = EngineConfig(backend="tensorrt", cache_dir=tmp_path)
    opened = open_engine(demo, config, lambda what, share: None)
    assert opened.backend.memory.held_bytes() > 0
    opened.stages.close()
