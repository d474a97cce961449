"""Device arrays in CUDA memory against NumPy, on a device that runs nothing before it must."""

from __future__ import annotations

import gc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings

from engine.backends.arrays import Memory
from engine.backends.cuda.arrays import CudaMemory
from engine.backends.cuda.runtime import Cuda, CudaError
from engine.backends.cuda.strides import moves_between
from engine.backends.cuda.workspace import Workspace
from engine.errors import LoadFailed
from tests.engine.backends.cuda.fake_runtime import FakeCuda, cudaError_t
from tests.engine.backends.memory_contract import SHAPES, MemoryContract


@pytest.fixture
def device() -> FakeCuda:
    return FakeCuda()


@pytest.fixture
def memory(device: FakeCuda) -> CudaMemory:
    return CudaMemory(Cuda(device))


class TestCudaMemory(MemoryContract):
    @pytest.fixture(scope="class")
    @classmethod
    def memory(cls) -> Memory:
        return CudaMemory(Cuda(FakeCuda()))


@settings(max_examples=100, deadline=None)
@given(SHAPES)
def test_axes_side_by_side_are_one_copy(shape: tuple[int, ...]) -> None:
    strides = np.empty(shape, np.float32).strides
    ((to, of, width, height, _, _),) = moves_between(shape, strides, strides, 4)
    assert (to, of, width, height) == (0, 0, 4 * int(np.prod(shape)), 1)


def test_words_of_many_slots_are_one_copy(device: FakeCuda, memory: CudaMemory) -> None:
    """Keys of texts at one position: [slots, heads] rows of e numbers, evenly apart."""
    pool = memory.zeros((8, 12, 30, 4), np.float32)
    new = memory.zeros((8, 12, 1, 4), np.float32)
    before = device.calls.copy()
    pool[2:6, :, 7] = new[2:6, :, 0]
    assert device.calls - before == {"cudaMemcpy2DAsync": 1}
    before = device.calls.copy()
    pool[2] = pool[5]
    assert device.calls - before == {"cudaMemcpyAsync": 1}


def test_nothing_is_there_for_nobody() -> None:
    assert list(moves_between((0, 3), (12, 4), (12, 4), 4)) == []


def test_an_index_that_does_not_fit_is_refused(memory: CudaMemory) -> None:
    array = memory.zeros((2, 3), np.float32)
    for index in (2, -3, (0, 3), (0, 0, 0)):
        with pytest.raises(IndexError):
            array[index]  # type: ignore[index]
    with pytest.raises(IndexError, match="step"):
        array[::2]
    for value in (np.ones(3), np.ones((1, 3), np.float32), 1.0, "x"):
        with pytest.raises(ValueError, match=r"into|takes"):
            array[0] = value  # type: ignore[assignment]


def test_freed_memory_is_used_again(device: FakeCuda, memory: CudaMemory) -> None:
    kept = memory.zeros((10, 10), np.float32)
    view = kept[3]
    del kept
    gc.collect()
    first = memory.zeros((10, 10), np.float32)
    assert first.pointer != view.pointer - 120, "a view keeps its memory"
    place = first.pointer
    del first
    gc.collect()
    taken = device.calls["cudaMalloc"]
    assert memory.zeros((10, 10), np.float32).pointer == place
    assert device.calls["cudaMalloc"] == taken


def test_memory_freed_while_a_copy_from_it_is_to_come(memory: CudaMemory) -> None:
    """The copy comes first on the stream, so the new owner's zeros do not get into it."""
    source, target = memory.zeros((100,), np.float32), memory.zeros((100,), np.float32)
    source[()] = np.ones(100, np.float32)
    target[()] = source
    del source
    gc.collect()
    memory.zeros((100,), np.float32)
    np.testing.assert_array_equal(target.read(), np.ones(100))


def test_large_memory_goes_back_to_the_device(device: FakeCuda, memory: CudaMemory) -> None:
    before = device.used
    large = memory.zeros((1 << 25,), np.float32)
    assert device.used - before == 1 << 27
    assert memory.held_bytes() == 1 << 27
    del large
    gc.collect()
    assert device.used == before


def test_memory_is_not_wasted(memory: CudaMemory, device: FakeCuda) -> None:
    for size in (1, 513, 10_000, 999_999, 70_000_000, 100_000_001):
        before = device.used
        kept = memory.empty((size,), np.uint8)
        taken = device.used - before
        assert size <= taken <= max(1.13 * size, size + 512)
        assert size < 70_000_000 or taken < size + 512
        del kept


def test_a_full_device_is_one_line_that_says_what_to_do() -> None:
    memory = CudaMemory(Cuda(FakeCuda(total=1 << 20)))
    with pytest.raises(LoadFailed, match=r"4.2 MB of the GPU's memory.*lower the memory budget"):
        memory.zeros((1 << 20,), np.float32)


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


def test_a_workspace_never_moves_and_seldom_grows(device: FakeCuda) -> None:
    workspace = Workspace(Cuda(device))
    sizes = [1000, 500, 1001, 2000, 1999, 5000]
    spaces = [workspace.claim(size, size // 2) for size in sizes]
    assert all(space.device_bytes >= size for space, size in zip(spaces, sizes, strict=True))
    assert [one is other for one, other in pairwise(spaces)] == [True, False, True, True, False]
    used = device.used
    del spaces[:2]
    gc.collect()
    assert device.used < used, "who had the smallest one has gone"
