"""A stage's calls on stand-ins for CUDA and TensorRT: arrays, graphs, failures."""

from __future__ import annotations

import gc
import logging

import numpy as np
import pytest

from engine.backends.cuda.arrays import CudaArray
from engine.backends.stage_memory import moved_inputs, stays_in_memory
from engine.errors import InferenceFailed
from tests.engine.artifacts.tiny_gallery import inputs_of
from tests.engine.artifacts.whole_model import WHOLE
from tests.engine.backends.backend_contract import STAGES
from tests.engine.backends.cuda.fake_values import cudaError_t
from tests.engine.backends.remote_memory import RemoteMemory
from tests.engine.backends.tensorrt.backend_on_fakes import BackendOnFakes


@pytest.mark.parametrize("stage", STAGES)
def test_kept_arrays_stay_on_the_device(on_fakes: BackendOnFakes, stage: str) -> None:
    loaded = on_fakes.load(stage)
    for batch in (2, 3, 3, 1):
        inputs, into = on_fakes.kept_call(stage, batch, seed=batch)
        wanted = WHOLE.run(stage, inputs_of(stage, batch, seed=batch))
        before = on_fakes.cuda.moved_bytes.copy()
        found = loaded.run(inputs, into)
        crossed = on_fakes.cuda.moved_bytes - before
        for name, array in wanted.items():
            assert isinstance(found[name], CudaArray) == stays_in_memory(name)
            numbers = found[name].read() if stays_in_memory(name) else found[name]
            np.testing.assert_allclose(numbers, array, rtol=1e-5, atol=1e-6)
        padded = 1 << (batch - 1).bit_length()
        up = sum(a.nbytes // batch * padded for n, a in inputs.items() if not stays_in_memory(n))
        down = sum(a.nbytes for n, a in found.items() if not stays_in_memory(n))
        assert crossed["cudaMemcpyHostToDevice"] == up
        assert crossed["cudaMemcpyDeviceToHost"] == down


def test_one_graph_for_a_shape_serves_every_order_and_array(on_fakes: BackendOnFakes) -> None:
    loaded = on_fakes.load("block[0]")
    for seed in range(6):
        inputs, into = on_fakes.kept_call("block[0]", 4, seed)
        found = loaded.run(inputs, into)
        wanted = WHOLE.run("block[0]", inputs_of("block[0]", 4, seed))
        np.testing.assert_allclose(found["r"], wanted["r"], rtol=1e-5, atol=1e-6)
    assert on_fakes.cuda.calls["cudaGraphInstantiate"] == 1
    assert on_fakes.cuda.calls["cudaGraphLaunch"] == 5
    assert on_fakes.trt.contexts == 1


def test_batches_share_the_graphs_of_powers_of_two(on_fakes: BackendOnFakes) -> None:
    loaded = on_fakes.load("block[0]")
    for batch in (1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 3, 1):
        loaded.run(inputs_of("block[0]", batch, seed=batch))
    assert on_fakes.trt.contexts == on_fakes.cuda.calls["cudaGraphInstantiate"] == 5
    with pytest.raises(InferenceFailed, match=r"block\[0\].*no shapes of B 17.*larger batches"):
        loaded.run(inputs_of("block[0]", 17, seed=1))


def test_a_sticky_batch_is_planned_no_more(
    on_fakes: BackendOnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = on_fakes.load("block[0]")
    inputs, into = on_fakes.kept_call("block[0]", 2, seed=1)
    into["r"] = np.empty((2, 2, 4), np.float32)
    for _ in range(2):
        loaded.run(inputs, into)
    monkeypatch.setattr("engine.backends.tensorrt.stage.check_into", pytest.fail)
    inputs["order"][:] = [1, 0]
    loaded.run(inputs, into)
    plain = inputs_of("block[0]", 2, seed=1) | {"order": np.array([1, 0])}
    np.testing.assert_allclose(into["r"], WHOLE.run("block[0]", plain)["r"], rtol=1e-5, atol=1e-6)


def test_arrays_that_come_once_are_not_kept(on_fakes: BackendOnFakes) -> None:
    loaded = on_fakes.load("stem[vqa]")
    loaded.run(*on_fakes.kept_call("stem[vqa]", 4, seed=0))
    gc.collect()
    before = on_fakes.cuda.used
    for seed in range(30):
        loaded.run(*on_fakes.kept_call("stem[vqa]", 4, seed))
    gc.collect()
    assert on_fakes.cuda.used <= before + 2048


@pytest.mark.parametrize("how", ["unable", "refused", "invalidated"])
def test_what_cannot_be_captured_runs_without_a_graph(
    on_fakes: BackendOnFakes, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = on_fakes.load("block[0]")
    if how == "unable":
        on_fakes.trt.refuses["capture"] = "allocates while it runs"
    elif how == "refused":
        on_fakes.cuda.broken["cudaStreamBeginCapture"] = cudaError_t.cudaErrorInvalidValue
    else:
        on_fakes.cuda.broken["cudaStreamEndCapture"] = cudaError_t.cudaErrorStreamCaptureInvalidated
    for seed in range(3):
        inputs = inputs_of("block[0]", 2, seed)
        found = loaded.run(inputs)
        np.testing.assert_allclose(
            found["r"], WHOLE.run("block[0]", inputs)["r"], rtol=1e-5, atol=1e-6
        )
    assert on_fakes.cuda.calls["cudaGraphLaunch"] == 0
    assert [r.levelno for r in caplog.records if "no CUDA graph" in r.message] == [logging.WARNING]


def test_a_run_that_fails_is_one_line_and_the_next_one_works(on_fakes: BackendOnFakes) -> None:
    loaded = on_fakes.load("block[0]")
    inputs = inputs_of("block[0]", 2, seed=1)
    on_fakes.trt.refuses["execute"] = "not\n enough   of something"
    with pytest.raises(InferenceFailed, match=r"block\[0\].*not enough of something"):
        loaded.run(inputs)
    for call in ("cudaMemcpyAsync", "cudaStreamSynchronize"):
        on_fakes.cuda.broken[call] = cudaError_t.cudaErrorInvalidValue
        with pytest.raises(InferenceFailed, match=f"{call}: cudaErrorInvalidValue"):
            loaded.run(inputs)
    loaded.run(inputs)
    on_fakes.cuda.broken["cudaGraphLaunch"] = cudaError_t.cudaErrorInvalidValue
    with pytest.raises(InferenceFailed, match="cudaGraphLaunch"):
        loaded.run(inputs)
    found = loaded.run(inputs)
    np.testing.assert_allclose(found["r"], WHOLE.run("block[0]", inputs)["r"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("refused", ["context", "shape", "address"])
def test_a_shape_that_is_refused_is_tried_again(on_fakes: BackendOnFakes, refused: str) -> None:
    loaded = on_fakes.load("block[0]")
    inputs = inputs_of("block[0]", 2, seed=1)
    on_fakes.trt.refuses[refused] = "because"
    with pytest.raises(InferenceFailed, match=r"block\[0\]"):
        loaded.run(inputs)
    assert loaded.run(inputs)


def test_a_device_that_died_is_said_at_every_call(on_fakes: BackendOnFakes) -> None:
    loaded = on_fakes.load("block[0]")
    inputs = inputs_of("block[0]", 2, seed=1)
    loaded.run(inputs)
    inputs["order"][:] = -1  # beyond any table
    for _ in range(2):
        with pytest.raises(InferenceFailed, match=r"cudaErrorIllegalAddress.*restart"):
            loaded.run(inputs)


def test_an_array_of_another_memory_is_a_typed_error(on_fakes: BackendOnFakes) -> None:
    loaded = on_fakes.load("block[0]")
    inputs = moved_inputs(RemoteMemory(), inputs_of("block[0]", 2, seed=1))
    with pytest.raises(InferenceFailed, match="another backend's memory"):
        loaded.run(inputs)
