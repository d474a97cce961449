"""The TensorRT backend, on stand-ins for CUDA and TensorRT where a GPU would be needed.

What no stand-in can tell (the library's own numbers, times, what a driver does) waits for a GPU.
"""

from __future__ import annotations

import gc
import logging
import threading
from pathlib import Path

import numpy as np
import pytest

from artifact.store import Artifact
from engine.backends.base import Backend
from engine.backends.cuda.arrays import CudaArray
from engine.errors import InferenceFailed, LoadFailed
from engine.family import Family
from engine.kept import is_kept, with_kept
from engine.solo import Solo
from engine.stages import StageSet
from tests.engine.backends.backend_contract import STAGES, BackendContract
from tests.engine.backends.cuda.fake_runtime import cudaError_t
from tests.engine.backends.tensorrt.backend_on_fakes import Stand, Watching, write_plans
from tests.engine.bench import JUDGE
from tests.engine.crowd import Crowd, check_alone
from tests.engine.fakes import FakeBackend, picture
from tests.engine.remote import RemoteMemory
from tests.engine.tiny_gallery import COMPOSED, inputs_of, write_gallery
from tests.engine.tiny_whole import WHOLE


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Artifact, Path]:
    """An artifact with stages of every kind, and a cache folder with plans of them."""
    folder = tmp_path_factory.mktemp("planned")
    artifact = write_gallery(folder / "every", COMPOSED)
    write_plans(folder, artifact)
    return artifact, folder


@pytest.fixture
def stand(planned: tuple[Artifact, Path]) -> Stand:
    return Stand(*planned)


class TestOnStandIns(BackendContract):
    @pytest.fixture(scope="class", params=["rtx", "tensorrt"])
    @classmethod
    def backend(
        cls,
        artifact: Artifact,
        tmp_path_factory: pytest.TempPathFactory,
        request: pytest.FixtureRequest,
    ) -> Backend:
        folder = tmp_path_factory.mktemp("contract-plans")
        write_plans(folder, artifact)
        return Stand(artifact, folder, rtx=request.param == "rtx").backend


@pytest.mark.parametrize("stage", STAGES)
def test_kept_arrays_stay_on_the_device(stand: Stand, stage: str) -> None:
    loaded = stand.load(stage)
    for batch in (2, 3, 3, 1):
        inputs, into = stand.kept_call(stage, batch, seed=batch)
        wanted = WHOLE.run(stage, inputs_of(stage, batch, seed=batch))
        before = stand.cuda.moved_bytes.copy()
        found = loaded.run(inputs, into)
        crossed = stand.cuda.moved_bytes - before
        for name, array in wanted.items():
            assert isinstance(found[name], CudaArray) == is_kept(name)
            numbers = found[name].read() if is_kept(name) else found[name]
            np.testing.assert_allclose(numbers, array, rtol=1e-5, atol=1e-6)
        padded = 1 << (batch - 1).bit_length()
        up = sum(a.nbytes // batch * padded for n, a in inputs.items() if not is_kept(n))
        down = sum(a.nbytes for n, a in found.items() if not is_kept(n))
        assert crossed["cudaMemcpyHostToDevice"] == up
        assert crossed["cudaMemcpyDeviceToHost"] == down


def test_one_graph_for_a_shape_serves_every_order_and_array(stand: Stand) -> None:
    loaded = stand.load("block[0]")
    for seed in range(6):
        inputs, into = stand.kept_call("block[0]", 4, seed)
        found = loaded.run(inputs, into)
        wanted = WHOLE.run("block[0]", inputs_of("block[0]", 4, seed))
        np.testing.assert_allclose(found["r"], wanted["r"], rtol=1e-5, atol=1e-6)
    assert stand.cuda.calls["cudaGraphInstantiate"] == 1
    assert stand.cuda.calls["cudaGraphLaunch"] == 5
    assert stand.trt.contexts == 1


def test_batches_share_the_graphs_of_powers_of_two(stand: Stand) -> None:
    loaded = stand.load("block[0]")
    for batch in (1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 3, 1):
        loaded.run(inputs_of("block[0]", batch, seed=batch))
    assert stand.trt.contexts == stand.cuda.calls["cudaGraphInstantiate"] == 5
    with pytest.raises(InferenceFailed, match=r"block\[0\].*no shapes of B 17.*larger batches"):
        loaded.run(inputs_of("block[0]", 17, seed=1))


def test_a_sticky_batch_is_planned_no_more(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = stand.load("block[0]")
    inputs, into = stand.kept_call("block[0]", 2, seed=1)
    into["r"] = np.empty((2, 2, 4), np.float32)
    for _ in range(2):
        loaded.run(inputs, into)
    monkeypatch.setattr("engine.backends.tensorrt.stage.check_into", pytest.fail)
    inputs["order"][:] = [1, 0]
    loaded.run(inputs, into)
    plain = inputs_of("block[0]", 2, seed=1) | {"order": np.array([1, 0])}
    np.testing.assert_allclose(into["r"], WHOLE.run("block[0]", plain)["r"], rtol=1e-5, atol=1e-6)


def test_arrays_that_come_once_are_not_kept(stand: Stand) -> None:
    loaded = stand.load("stem[vqa]")
    loaded.run(*stand.kept_call("stem[vqa]", 4, seed=0))
    gc.collect()
    before = stand.cuda.used
    for seed in range(30):
        loaded.run(*stand.kept_call("stem[vqa]", 4, seed))
    gc.collect()
    assert stand.cuda.used <= before + 2048


@pytest.mark.parametrize("how", ["unable", "refused", "invalidated"])
def test_what_cannot_be_captured_runs_without_a_graph(
    stand: Stand, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = stand.load("block[0]")
    if how == "unable":
        stand.trt.refuses["capture"] = "allocates while it runs"
    elif how == "refused":
        stand.cuda.broken["cudaStreamBeginCapture"] = cudaError_t.cudaErrorInvalidValue
    else:
        stand.cuda.broken["cudaStreamEndCapture"] = cudaError_t.cudaErrorStreamCaptureInvalidated
    for seed in range(3):
        inputs = inputs_of("block[0]", 2, seed)
        found = loaded.run(inputs)
        np.testing.assert_allclose(
            found["r"], WHOLE.run("block[0]", inputs)["r"], rtol=1e-5, atol=1e-6
        )
    assert stand.cuda.calls["cudaGraphLaunch"] == 0
    assert [r.levelno for r in caplog.records if "no CUDA graph" in r.message] == [logging.WARNING]


def test_plans_may_want_other_dtypes_of_what_the_host_gives(tiny: Artifact, tmp_path: Path) -> None:
    dtypes = {"order": "int32", "tokens": "int32", "mask": "int32", "logits": "float16"}
    write_plans(tmp_path, tiny, dtypes=dtypes)
    stand = Stand(tiny, tmp_path)
    for stage in ("stem[vqa]", "block[1]", "head[vqa]"):
        inputs = inputs_of(stage, 3, seed=1)
        found = stand.load(stage).run(inputs)
        for name, array in WHOLE.run(stage, inputs).items():
            assert found[name].dtype == np.float32
            np.testing.assert_allclose(found[name], array, rtol=2e-3, atol=1e-2)


@pytest.mark.parametrize("dtypes", [{"h": "float16"}, {"h_out": "float16"}, {"r": "bfloat16"}])
def test_what_stays_on_the_device_has_the_engines_dtype(
    tiny: Artifact, tmp_path: Path, dtypes: dict[str, str]
) -> None:
    write_plans(tmp_path, tiny, dtypes=dtypes)
    with pytest.raises(LoadFailed, match=r"block\[0\].*float16.*otmv build"):
        Stand(tiny, tmp_path).load("block[0]")


def test_stages_loaded_on_another_thread_do_not_disturb(stand: Stand) -> None:
    """A larger memory budget loads and warms stages while the engine's thread runs others."""
    first, failed = stand.load("block[0]"), list[Exception]()

    def load() -> None:
        try:
            for stage in STAGES * 3:
                loaded = stand.load(stage)
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


def test_what_is_unloaded_gives_its_memory_back(stand: Stand) -> None:
    stages = StageSet(stand.artifact, stand.backend, Family(stand.artifact.manifest, "fp32"), 4)
    stages.load(lambda what, share: None)
    assert stand.trt.engines == len(stages.loaded)
    key = stages.of_key(1)
    assert all(stages.bytes_of(stage) >= 1 << 20 for stage in key)
    held = stand.cuda.used
    stages.set_budget(stages.total_bytes(1))
    stages.evict(0)
    gc.collect()
    assert held - stand.cuda.used >= len(key) << 20
    stages.close()
    gc.collect()
    assert stand.trt.engines == 0


def test_warm_up_makes_every_graph_that_requests_need(stand: Stand) -> None:
    family = Family(stand.artifact.manifest, "fp32")
    stages = StageSet(stand.artifact, stand.backend, family, 4)
    stages.load(lambda what, share: None)
    before = stand.cuda.calls["cudaGraphInstantiate"], stand.trt.contexts
    solo = Solo(family, stages.run, 4, stand.backend.memory)
    solo.captions("full", [picture(seed) for seed in range(5)], beams=2)
    solo.vqa_logits("d2", [picture(seed) for seed in range(7)], [[1, 5, 2]] * 7)
    assert (stand.cuda.calls["cudaGraphInstantiate"], stand.trt.contexts) == before


@pytest.mark.parametrize("seed", range(3))
def test_the_engine_answers_on_it_as_on_the_host(trio: Artifact, tmp_path: Path, seed: int) -> None:
    write_plans(tmp_path, trio)
    stand = Stand(trio, tmp_path)
    watched = FakeBackend(JUDGE)
    crowd = Crowd(trio, Watching(stand.backend, watched), seed, faults=seed == 2)
    answered = crowd.play()
    assert len(answered) >= 10
    alone = Solo(Family(trio.manifest, "fp32"), FakeBackend(JUDGE).call, max_batch=3)
    for made, answer in answered:
        check_alone(trio, made, answer, alone)


def test_a_run_that_fails_is_one_line_and_the_next_one_works(stand: Stand) -> None:
    loaded = stand.load("block[0]")
    inputs = inputs_of("block[0]", 2, seed=1)
    stand.trt.refuses["execute"] = "not\n enough   of something"
    with pytest.raises(InferenceFailed, match=r"block\[0\].*not enough of something"):
        loaded.run(inputs)
    for call in ("cudaMemcpyAsync", "cudaStreamSynchronize"):
        stand.cuda.broken[call] = cudaError_t.cudaErrorInvalidValue
        with pytest.raises(InferenceFailed, match=f"{call}: cudaErrorInvalidValue"):
            loaded.run(inputs)
    loaded.run(inputs)
    stand.cuda.broken["cudaGraphLaunch"] = cudaError_t.cudaErrorInvalidValue
    with pytest.raises(InferenceFailed, match="cudaGraphLaunch"):
        loaded.run(inputs)
    found = loaded.run(inputs)
    np.testing.assert_allclose(found["r"], WHOLE.run("block[0]", inputs)["r"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("refused", ["context", "shape", "address"])
def test_a_shape_that_is_refused_is_tried_again(stand: Stand, refused: str) -> None:
    loaded = stand.load("block[0]")
    inputs = inputs_of("block[0]", 2, seed=1)
    stand.trt.refuses[refused] = "because"
    with pytest.raises(InferenceFailed, match=r"block\[0\]"):
        loaded.run(inputs)
    assert loaded.run(inputs)


def test_a_device_that_died_is_said_at_every_call(stand: Stand) -> None:
    loaded = stand.load("block[0]")
    inputs = inputs_of("block[0]", 2, seed=1)
    loaded.run(inputs)
    inputs["order"][:] = -1  # beyond any table
    for _ in range(2):
        with pytest.raises(InferenceFailed, match=r"cudaErrorIllegalAddress.*restart"):
            loaded.run(inputs)


def test_an_array_of_another_memory_is_a_typed_error(stand: Stand) -> None:
    loaded = stand.load("block[0]")
    inputs = with_kept(RemoteMemory(), inputs_of("block[0]", 2, seed=1))
    with pytest.raises(InferenceFailed, match="another backend's memory"):
        loaded.run(inputs)
