"""Calls of the CUDA runtime: errors, and graphs captured beside other work."""

from __future__ import annotations

import numpy as np
import pytest

from engine.backends.cuda.arrays import CudaMemory
from engine.backends.cuda.runtime import Cuda, CudaError
from tests.engine.backends.cuda.fake_runtime import FakeCuda
from tests.engine.backends.cuda.fake_values import cudaError_t


def test_a_missing_driver_is_one_line_that_says_what_to_do(device: FakeCuda) -> None:
    device.broken["cudaSetDevice"] = cudaError_t.cudaErrorInsufficientDriver
    with pytest.raises(CudaError, match=r"cudaErrorInsufficientDriver.*NVIDIA driver") as caught:
        Cuda(device)
    assert "\n" not in str(caught.value)


def test_a_graph_runs_what_was_captured_each_time(device: FakeCuda) -> None:
    cuda = Cuda(device)
    count = [0]
    ran = lambda: count.__setitem__(0, count[0] + 1)  # noqa: E731
    graph = cuda.capture(lambda stream: device.enqueue(stream, ran))
    cuda.wait()
    assert count == [0]
    cuda.launch(graph)
    cuda.launch(graph)
    cuda.wait()
    assert count == [2]


def test_a_capture_that_breaks_leaves_nothing_behind(device: FakeCuda) -> None:
    cuda = Cuda(device)

    def broken(stream: int) -> None:
        device.enqueue(stream, lambda: pytest.fail("it was thrown away"))
        raise RuntimeError("in between")

    with pytest.raises(RuntimeError, match="in between"):
        cuda.capture(broken)
    device.broken["cudaStreamEndCapture"] = cudaError_t.cudaErrorStreamCaptureInvalidated
    with pytest.raises(CudaError, match="Invalidated"):
        cuda.capture(lambda stream: None)
    cuda.launch(cuda.capture(lambda stream: None))
    cuda.wait()


def test_what_others_do_meanwhile_does_not_get_into_a_graph(
    device: FakeCuda, memory: CudaMemory
) -> None:
    array = memory.zeros((4,), np.float32)

    def enqueue(stream: int) -> None:
        array[()] = np.ones(4, np.float32)

    graph = memory.cuda.capture(enqueue)
    np.testing.assert_array_equal(array.read(), np.ones(4))
    array[()] = 0.0
    memory.cuda.launch(graph)
    np.testing.assert_array_equal(array.read(), np.zeros(4))
