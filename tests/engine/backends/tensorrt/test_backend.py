"""The TensorRT backend, on stand-ins for CUDA and TensorRT where a GPU would be needed.

What no stand-in can tell (the library's own numbers, times, what a driver does) waits for a GPU.
"""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import numpy as np
import pytest

from artifact.store import Artifact
from engine.backends.base import Backend
from engine.errors import LoadFailed
from engine.opening.solo import Solo
from engine.residency.family import Family
from engine.residency.stages import StageSet
from tests.engine.answers.solo_answers import caption_words, vqa_logits
from tests.engine.artifacts.tiny_gallery import inputs_of
from tests.engine.artifacts.tiny_model import TRIO_MODEL, picture
from tests.engine.artifacts.whole_model import WHOLE
from tests.engine.backends.backend_contract import STAGES, BackendContract
from tests.engine.backends.hooked_backend import HookedBackend
from tests.engine.backends.tensorrt.backend_on_fakes import BackendOnFakes
from tests.engine.backends.tensorrt.fake_plans import write_plans
from tests.engine.pools.fake_backend import FakeBackend
from tests.engine.pools.random_traffic import RandomTraffic, check_alone


class TestOnStandIns(BackendContract):
    @pytest.fixture(scope="class", params=["rtx", "tensorrt"])
    @classmethod
    def backend(
        cls, artifact: Artifact, cache_dir: Path, request: pytest.FixtureRequest
    ) -> Backend:
        write_plans(cache_dir, artifact)
        return BackendOnFakes(artifact, cache_dir, rtx=request.param == "rtx").backend


def test_plans_may_want_other_dtypes_of_what_the_host_gives(tiny: Artifact, tmp_path: Path) -> None:
    dtypes = {"order": "int32", "tokens": "int32", "mask": "int32", "logits": "float16"}
    write_plans(tmp_path, tiny, dtypes=dtypes)
    on_fakes = BackendOnFakes(tiny, tmp_path)
    for stage in ("stem[vqa]", "block[1]", "head[vqa]"):
        inputs = inputs_of(stage, 3, seed=1)
        found = on_fakes.load(stage).run(inputs)
        for name, array in WHOLE.run(stage, inputs).items():
            assert found[name].dtype == np.float32
            np.testing.assert_allclose(found[name], array, rtol=2e-3, atol=1e-2)


@pytest.mark.parametrize("dtypes", [{"h": "float16"}, {"h_out": "float16"}, {"r": "bfloat16"}])
def test_what_stays_on_the_device_has_the_engines_dtype(
    tiny: Artifact, tmp_path: Path, dtypes: dict[str, str]
) -> None:
    write_plans(tmp_path, tiny, dtypes=dtypes)
    with pytest.raises(LoadFailed, match=r"block\[0\].*float16.*otmv build"):
        BackendOnFakes(tiny, tmp_path).load("block[0]")


def test_stages_loaded_on_another_thread_do_not_disturb(on_fakes: BackendOnFakes) -> None:
    """A larger memory budget loads and warms stages while the engine's thread runs others."""
    first, failed = on_fakes.load("block[0]"), list[Exception]()

    def load() -> None:
        try:
            for stage in STAGES * 3:
                loaded = on_fakes.load(stage)
                for batch in (1, 2, 4):
                    inputs = inputs_of(stage, batch, seed=batch)
                    found = loaded.run(inputs)
                    for name, array in WHOLE.run(stage, inputs).items():
                        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-6)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    runs = 0
    while thread.is_alive() or runs < 20:
        inputs = inputs_of("block[0]", 3, seed=runs)
        found = first.run(inputs)
        np.testing.assert_allclose(
            found["r"], WHOLE.run("block[0]", inputs)["r"], rtol=1e-5, atol=1e-6
        )
        runs += 1
    thread.join()
    assert not failed


def test_what_is_unloaded_gives_its_memory_back(on_fakes: BackendOnFakes) -> None:
    stages = StageSet(
        on_fakes.artifact, on_fakes.backend, Family(on_fakes.artifact.manifest, "fp32"), 4
    )
    stages.load(lambda what, share: None)
    assert on_fakes.trt.engines == len(stages.loaded)
    key = stages.of_key(1)
    assert all(stages.bytes_of(stage) >= 1 << 20 for stage in key)
    held = on_fakes.cuda.used
    stages.set_budget(stages.total_bytes(1))
    stages.evict(0)
    gc.collect()
    assert held - on_fakes.cuda.used >= len(key) << 20
    stages.close()
    gc.collect()
    assert on_fakes.trt.engines == 0


def test_warm_up_makes_every_graph_that_requests_need(on_fakes: BackendOnFakes) -> None:
    family = Family(on_fakes.artifact.manifest, "fp32")
    stages = StageSet(on_fakes.artifact, on_fakes.backend, family, 4)
    stages.load(lambda what, share: None)
    before = on_fakes.cuda.calls["cudaGraphInstantiate"], on_fakes.trt.contexts
    solo = Solo(family, stages.run, 4, on_fakes.backend.memory)
    caption_words(solo, "full", [picture(seed) for seed in range(5)], beams=2)
    vqa_logits(solo, "d2", [picture(seed) for seed in range(7)], [[1, 5, 2]] * 7)
    assert (on_fakes.cuda.calls["cudaGraphInstantiate"], on_fakes.trt.contexts) == before


@pytest.mark.parametrize("seed", range(3))
def test_the_engine_answers_on_it_as_on_the_host(trio: Artifact, tmp_path: Path, seed: int) -> None:
    write_plans(tmp_path, trio)
    on_fakes = BackendOnFakes(trio, tmp_path)
    watched = FakeBackend(TRIO_MODEL)
    traffic = RandomTraffic(trio, HookedBackend(on_fakes.backend, watched), seed, faults=seed == 2)
    answered = traffic.run()
    assert len(answered) >= 10
    alone = Solo(Family(trio.manifest, "fp32"), FakeBackend(TRIO_MODEL).call, max_batch=3)
    for made, answer in answered:
        check_alone(trio, made, answer, alone)
