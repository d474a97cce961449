"""Device arrays in CUDA memory against NumPy, on a device that runs nothing before it must."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from engine.backends.arrays import Memory
from engine.backends.cuda.arrays import CudaMemory
from engine.backends.cuda.runtime import Cuda
from engine.errors import LoadFailed
from tests.engine.backends.cuda.fake_runtime import FakeCuda
from tests.engine.backends.memory_contract import MemoryContract


class TestCudaMemory(MemoryContract):
    @pytest.fixture(scope="class")
    @classmethod
    def memory(cls) -> Memory:
        return CudaMemory(Cuda(FakeCuda()))


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
